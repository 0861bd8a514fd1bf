"""What users of a server may do: those that `docs/jetstream.md` lists, word by word."""

from __future__ import annotations

from typing import Final

READER: Final = """
    publish: ["$JS.API.INFO", "$JS.API.STREAM.LIST", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.MSG.GET.*",
              "$JS.API.DIRECT.GET.>", "$JS.API.CONSUMER.CREATE.*.>", "$JS.API.CONSUMER.MSG.NEXT.>",
              "$JS.API.CONSUMER.DELETE.*.*"]
    subscribe: ["_INBOX.>", "aether.events.>", "$JS.EVENT.ADVISORY.STREAM.>"]
"""
WRITER: Final = READER.replace("publish: [", 'publish: ["*.events.>", "*.snapshots.>", "aether.events.>", ')
CREATOR: Final = WRITER.replace("publish: [", 'publish: ["$JS.API.STREAM.CREATE.*", ')
#: Looks at single events and has no part in the bus.
LOOKER: Final = """
    publish: ["$JS.API.STREAM.LIST", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.MSG.GET.*", "$JS.API.DIRECT.GET.>"]
    subscribe: ["_INBOX.>"]
"""
