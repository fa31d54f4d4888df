"""The error tree: every exception this project raises on purpose.

    PacksplitError
    ├── UsageError              you: the call was wrong; nothing was sent, nothing was spent
    │   ├── BadItem             an input that cannot be an item, or an id given twice
    │   ├── BadTask             an instruction, label set or example that cannot work
    │   ├── SchemaNotPortable   an output schema that no vendor can constrain a reply to
    │   ├── Unsuitable          items that must not share a call, though packing was asked for
    │   ├── MissingExtra        an optional dependency is needed and not installed
    │   ├── RunChanged          the store holds a run of another task, model, input or rule
    │   ├── RunInUse            another process works on the run in the store
    │   └── UnscriptedPrompt    a scripted client was asked something its script does not hold
    └── RunError                the world: the call was right and something else failed
        ├── WeightsUnavailable  the local model's weights could not be had or did not verify
        ├── ServerFailed        the local model's server did not start or died
        ├── GuardStop           the guard ended the run for what a reply showed
        ├── CeilingReached      the run's own deadline, cost or number of calls was used up
        ├── ProviderDown        the provider did not come back within the time the run waits for it
        ├── Interrupted         someone asked the run to end (Ctrl-C, SIGTERM)
        ├── JobsUnderWay        batch jobs go on at the provider, and this process waits no longer
        ├── AwaitsReview        answers are held until a person has looked at a sample
        ├── Rejected            a reviewer rejected an answer, and the run was to end then
        ├── StoreFailed         the run's file could not be read or written
        │   └── StoreDamaged    the run's file does not hold what was written
        └── ClientError         a call to a model failed; nothing usable came back
            ├── NotSent         the session's time was over before the item's turn; nothing was sent
            ├── CallTimeout     no answer within the time the run allows one call
            ├── Unreachable     no connection, or the provider is down
            ├── RateLimited     the provider asks for fewer calls or tokens
            ├── PromptTooLong   the provider says the prompt does not fit its context
            ├── CallRefused     the provider rejects this very request (a 4xx)
            ├── SpendLimit      the account's money or quota is used up: no call can succeed
            └── AccessDenied    key, permission or model name: no call can succeed

Does not know: which provider an error came from (``provider`` carries its name) or
what to do next (``splitter.escalate`` and ``packer.run`` decide).
"""

from __future__ import annotations

from schemas.quota import Quota


class PacksplitError(Exception):
    """Root of all errors raised on purpose. All of them can be sent to another process."""

    def __reduce__(self) -> tuple[object, ...]:
        return _remade, (type(self), self.args, self.__dict__.copy())


def _remade(kind: type[PacksplitError], args: tuple[object, ...], state: dict[str, object]) -> PacksplitError:
    """An error from its parts: some kinds make their message themselves, so making them anew would not do."""
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


class UsageError(PacksplitError):
    """The caller's mistake: raised before anything is sent or spent."""


class BadItem(UsageError):
    """An input that cannot become an item, or an id that occurs twice."""


class BadTask(UsageError):
    """An instruction, a label set, an output or an example that cannot work."""


class SchemaNotPortable(BadTask):
    """An output schema that no vendor's constrained decoding can express.

    Attributes:
        path: where in the schema, as a JSON path such as ``$.properties.scores``.
    """

    def __init__(self, path: str, why: str) -> None:
        self.path = path
        super().__init__(f"The output schema cannot be sent to a model: at {path}, {why}")


class Unsuitable(UsageError):
    """Items that must not share a call, though packing was asked for.

    Attributes:
        topic: why, as a short stable word: ``dependent``, ``human_step`` or ``mixed``.
        items: ids of the first few of them.
    """

    def __init__(self, message: str, *, topic: str, items: tuple[str | int, ...] = ()) -> None:
        self.topic = topic
        self.items = items
        super().__init__(message)


class MissingExtra(UsageError):
    """An optional dependency is needed and not installed.

    Attributes:
        extra: the name to install, as in ``pip install 'packsplit[extra]'``.
    """

    def __init__(self, extra: str, needed_for: str) -> None:
        self.extra = extra
        super().__init__(f"{needed_for} needs an optional part: pip install 'packsplit[{extra}]'")


class UnscriptedPrompt(UsageError):
    """A scripted client got a prompt its script has no reply for."""


class RunChanged(UsageError):
    """The store holds a run that was begun with something else; nothing was sent.

    Attributes:
        changed: what differs, in words.
    """

    def __init__(self, path: str, changed: tuple[str, ...]) -> None:
        self.changed = changed
        super().__init__(
            f"{path} holds a run that was begun with something else: {'; '.join(changed)}. Give what it was "
            "begun with, or another path for a new run."
        )


class RunInUse(UsageError):
    """Another process works on the run in the store."""


class RunError(PacksplitError):
    """The world's failure: the call was right and something else went wrong."""


class WeightsUnavailable(RunError):
    """The local model's weights could not be had, or did not match their SHA-256."""


class ServerFailed(RunError):
    """The local model's server did not start, or died."""


class GuardStop(RunError):
    """The guard was told to end the run when a reply shows such a signal, and one did."""


class CeilingReached(RunError):
    """The run's own deadline, money or number of calls was used up; what is open stays pending."""


class ProviderDown(RunError):
    """The provider did not come back within the time the run waits for it; what is open stays pending."""


class Interrupted(RunError):
    """Someone asked the run to end; what is open stays pending."""


class JobsUnderWay(RunError):
    """Batch jobs go on at the provider; the same run again collects them. What is open stays pending."""


class AwaitsReview(RunError):
    """Answers are held until a person has looked at a sample; what is open stays pending."""


class Rejected(RunError):
    """A reviewer rejected an answer, and the gate was told to end the run then."""


class StoreFailed(RunError):
    """The run's file could not be read or written; what was kept before stays kept."""


class StoreDamaged(StoreFailed):
    """The run's file does not hold what was written; nothing is taken from it."""


class ClientError(RunError):
    """A call to a model failed and nothing usable came back.

    Attributes:
        provider: who was called, such as ``"openai"``; empty when unknown.
        original: the SDK's own exception, for those who want its details.
        code: a short stable word for tables and result reasons.
        stops_run: True when no further call can succeed either.
        transient: True when the very same call may succeed a little later.
        retry_after_s: how long the provider asks to wait; None when it does not say.
        status: HTTP status; None when there was none.
        quotas: the provider's ceilings as its answer states them.
    """

    code = "call_failed"
    stops_run = False
    transient = False

    def __init__(
        self,
        message: str,
        *,
        provider: str = "",
        original: BaseException | None = None,
        transient: bool | None = None,
        retry_after_s: float | None = None,
        status: int | None = None,
        quotas: tuple[Quota, ...] = (),
    ) -> None:
        self.provider = provider
        self.original = original
        self.retry_after_s = retry_after_s
        self.status = status
        self.quotas = quotas
        if transient is not None:
            self.transient = transient
        super().__init__(message)


class NotSent(ClientError):
    """The session's deadline had passed before this item's turn: nothing was sent, nothing was spent."""

    code = "not_sent"


class CallTimeout(ClientError):
    """No answer within the time the run allows one call."""

    code = "timeout"


class Unreachable(ClientError):
    """No connection could be made, or the provider answers that it is down."""

    code = "unreachable"
    transient = True


class RateLimited(ClientError):
    """The provider asks for fewer calls or tokens."""

    code = "rate_limited"
    transient = True


class PromptTooLong(ClientError):
    """The provider says the prompt does not fit its context window."""

    code = "prompt_too_long"


class CallRefused(ClientError):
    """The provider rejects this very request; sending it again cannot help."""

    code = "call_refused"


class SpendLimit(ClientError):
    """The account's money or quota is used up: no call of this run can succeed."""

    code = "spend_limit"
    stops_run = True


class AccessDenied(ClientError):
    """Key, permission or model name is wrong: no call of this run can succeed."""

    code = "access_denied"
    stops_run = True
