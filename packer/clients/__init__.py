"""One module a provider, and what they share; each imports its SDK when it is first used.

Does not know: runs.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packer.clients.anthropic import AnthropicMessages
    from packer.clients.local import LocalModel
    from packer.clients.openai import OpenAIChat
    from packer.clients.openai_responses import OpenAIResponses

__all__ = ["AnthropicMessages", "LocalModel", "OpenAIChat", "OpenAIResponses"]

_HOMES = {
    "AnthropicMessages": "anthropic",
    "LocalModel": "local",
    "OpenAIChat": "openai",
    "OpenAIResponses": "openai_responses",
}


if not TYPE_CHECKING:  # a type checker would take every name for one of these

    def __getattr__(name: str) -> object:
        """Import a client's module when it is asked for."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(f"packer.clients.{_HOMES[name]}"), name)
