"""The smallest FastMCP server: what its start costs is Python's and the library's."""

from fastmcp import FastMCP

mcp = FastMCP("bench")


@mcp.tool
def increment(by: int = 1) -> int:
    """Adds one."""
    return by + 1


mcp.run(show_banner=False)
