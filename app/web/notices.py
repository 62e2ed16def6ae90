"""What there is to say of the runner while no grid changes: trouble on every page, waits on one."""

from contextvars import ContextVar
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

_trouble: ContextVar[str] = ContextVar("trouble", default="")


@dataclass(frozen=True, slots=True)
class Notice:
    """Of one grid's page. False when there is nothing to say."""

    trouble: str = ""  # a sentence, while nothing can be done there
    waits: tuple[tuple[str, int], ...] = ()  # whom its calls wait for, and for how many seconds

    def __bool__(self) -> bool:
        return bool(self.trouble or self.waits)

    @property
    def waits_for(self) -> str:
        """Without the seconds: what is worth telling a person who cannot see them go by."""
        names = ", ".join(name for name, _ in self.waits)
        limits = "their limits are" if len(self.waits) > 1 else "its limit is"
        return f"Waiting for {names}: {limits} used up." if names else ""


NOTHING = Notice()
DELETED = Notice("This grid has been deleted. Nothing can be done here until it is restored.")


def in_words(trouble: str) -> str:
    """What a reason why the database cannot be written means for people; none for none."""
    reason = trouble.partition("\n")[0].rstrip(".")  # Postgres adds where in its code it was
    return reason and (
        f"The database cannot be written ({reason}). No new calls are made, answers"
        " that came are kept in memory, and all goes on by itself once it can be written again."
    )


def trouble_now() -> str:
    """For the frame that all pages share: the trouble when this request began."""
    return _trouble.get()


class TroubleMiddleware:
    """Looks at the runner once per request, so that no handler has to hand on its trouble."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            services = getattr(scope["app"].state, "services", None)
            _trouble.set(in_words(services.runner.trouble) if services else "")
        await self.app(scope, receive, send)
