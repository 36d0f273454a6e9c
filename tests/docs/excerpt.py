"""What the README shows of the demo: a part of the golden file that a test holds against the real output.

`python -m tests.docs.excerpt` writes it into the README anew, after `make golden`.
"""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
README = HERE / "README.md"
STORY = next((HERE / "tests" / "cli" / "__snapshots__" / "test_sandbox").glob("*demo*.txt"))
FIRST, LAST = "── 4. ", "── 7. "
BEGIN, END = "<!-- demo: begin -->\n", "<!-- demo: end -->\n"


def excerpt() -> str:
    """Return the part of the story that the README shows: what happened, the drift report, and the plan."""
    story = STORY.read_text()
    return "```text\n" + story[story.index(FIRST) : story.index(LAST)].rstrip() + "\n```\n"


def shown() -> str:
    """Return what the README shows now."""
    text = README.read_text()
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)]


def main() -> None:
    """Write the excerpt into the README."""
    README.write_text(README.read_text().replace(BEGIN + shown() + END, BEGIN + excerpt() + END))


if __name__ == "__main__":
    main()
