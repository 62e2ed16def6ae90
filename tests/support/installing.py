"""Running programs that install what tests need, and what went wrong in one line."""

import os
import subprocess


def apt_install(*alternatives: str) -> None:
    """Install the first of these Debian packages that can be. Raises OSError or
    subprocess.SubprocessError."""
    if os.geteuid() != 0:
        raise PermissionError("needs root")
    apt = ("apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=120")
    run(*apt, "update", timeout_s=300)
    for package in alternatives:
        try:
            run(*apt, "install", "--no-install-recommends", package, timeout_s=900)
        except subprocess.CalledProcessError:
            if package == alternatives[-1]:
                raise
        else:
            break


def run(*command: str, timeout_s: float) -> str:
    done = subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=timeout_s,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
    )
    return done.stdout.strip()


def reason(exc: OSError | subprocess.SubprocessError) -> str:
    """The failure in one line: of a failed command, the line of its output that names the error."""
    if isinstance(exc, subprocess.TimeoutExpired):
        return f"no end after {exc.timeout:.0f} s"
    if isinstance(exc, subprocess.CalledProcessError):
        lines = [line.strip() for line in (exc.stderr or exc.stdout or "").splitlines()]
        errors = [line for line in lines if "error" in line.lower() or line.startswith("E:")]
        return (errors or lines or [f"exit status {exc.returncode}"])[0][:200]
    return f"{exc.filename} not found" if isinstance(exc, FileNotFoundError) else str(exc)
