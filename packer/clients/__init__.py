"""One module a provider, and what they share; each imports its SDK when it is first used.

Does not know: runs.
"""

from typing import TYPE_CHECKING

from packer._lazy import lazily

if TYPE_CHECKING:
    from packer.clients.anthropic import AnthropicMessages
    from packer.clients.local import LocalModel
    from packer.clients.openai import OpenAIChat
    from packer.clients.openai_responses import OpenAIResponses

__all__ = ["AnthropicMessages", "LocalModel", "OpenAIChat", "OpenAIResponses"]

_HOMES = {
    "AnthropicMessages": "packer.clients.anthropic",
    "LocalModel": "packer.clients.local",
    "OpenAIChat": "packer.clients.openai",
    "OpenAIResponses": "packer.clients.openai_responses",
}


if not TYPE_CHECKING:  # a type checker would take every name for one of these
    __getattr__ = lazily(__name__, _HOMES)
