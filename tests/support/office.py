"""LibreOffice, which reads an exported CSV as people would: one that is there, else from Debian.

Where there is none and none can be installed, the tests go without it: it is too large to ask for.
"""

import shutil
import subprocess

import click

from tests.support.installing import apt_install, reason

PACKAGE = "libreoffice-calc-nogui"


def office_path() -> str | None:
    return shutil.which("soffice") or shutil.which("libreoffice")


if __name__ == "__main__":
    if office_path() is None:
        try:
            apt_install(PACKAGE)
        except (OSError, subprocess.SubprocessError) as exc:
            click.echo(f"Without LibreOffice, whose tests are left out: {reason(exc)}", err=True)
    click.echo(office_path() or "no LibreOffice")
