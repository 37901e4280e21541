"""Splits a migration file into its statements, at the semicolons at which psql would end them.

The rules are those of psql's own scanner (src/fe_utils/psqlscan.l of PostgreSQL): a semicolon ends a statement unless
it stands in a literal, a quoted name, a comment, parentheses, or the BEGIN ATOMIC .. END body of a function.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<comment>--[^\n\r]*)
    | (?P<block>/\*)
    | (?P<quoted>[eE]'(?:[^'\\]|\\.|'')*' | (?:[uU]&|[bBxXnN])?'(?:[^']|'')*' | (?:[uU]&)?"(?:[^"]|"")*")
    | (?P<dollar>\$(?:[A-Za-z_\x80-\U0010ffff][\w\x80-\U0010ffff]*)?\$)
    | (?P<parameter>\$\d+)
    | (?P<word>[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*)
    | (?P<number>\d\w*)
    | (?P<semicolon>;)
    | (?P<open>\()
    | (?P<close>\))
    | (?P<command>\\[^\n\r]*)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
WHITE_SPACE = " \t\n\r\f\v"
EDGE_OF_A_COMMENT = re.compile(r"/\*|\*/")
# The second half of the files of dbmate, goose and sql-migrate takes back what the first did.
DOWN = re.compile(r"--\s*(migrate:down|\+goose\s+down|\+migrate\s+down)\b", re.IGNORECASE)
UP = re.compile(r"--\s*(migrate:up|\+goose\s+up|\+migrate\s+up)\b", re.IGNORECASE)
NO_TRANSACTION = re.compile(
    r"--\s*(migrate:up.*\btransaction:\s*false|\+goose\s+no\s+transaction|\+migrate\s+up.*\bnotransaction)",
    re.IGNORECASE,
)
OF_A_ROUTINE = re.compile(r"create( or replace)? (function|procedure)")


@dataclass(frozen=True)
class Statement:
    """One statement as it stands in the file, without its semicolon. `line` is where its first word is, from 1."""

    line: int
    text: str


@dataclass(frozen=True)
class Script:
    """What a file asks for."""

    statements: tuple[Statement, ...]
    commands: tuple[Statement, ...] = ()  # psql's own, which begin with a backslash
    down_from_line: int | None = None  # where the part begins that takes it all back; it is not among the statements
    in_one_transaction: bool = False  # by the rules of the tool whose marks the file carries


class Splitter:
    """The state between two tokens."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.statements: list[Statement] = []
        self.commands: list[Statement] = []
        self.begin: int | None = None  # where the current statement began
        self.forget()

    def forget(self) -> None:
        """A new statement begins."""
        self.begin, self.parentheses, self.blocks, self.words = None, 0, 0, list[str]()

    def finish(self, end: int) -> None:
        """Ends the current statement, if there is one."""
        if self.begin is not None:
            self.statements.append(Statement(self.line_at(self.begin), self.text[self.begin : end].rstrip(WHITE_SPACE)))
        self.forget()

    def line_at(self, offset: int) -> int:
        """The number of the line, from 1."""
        return self.text.count("\n", 0, offset) + 1

    def enter(self, word: str) -> None:
        """A word counts for the body of a routine, BEGIN ATOMIC .. END, in which CASE has an END of its own."""
        if len(self.words) < 4:
            self.words.append(word)
        if self.parentheses or not OF_A_ROUTINE.match(" ".join(self.words)):
            return
        if word == "begin" or (word == "case" and self.blocks):
            self.blocks += 1
        elif word == "end" and self.blocks:
            self.blocks -= 1


def split(text: str) -> Script:
    """The statements of a file, in order. What has no end (a literal, a comment) reaches to the end of the file."""
    splitter = Splitter(text)
    at, down, tool, transaction = 0, None, False, True
    while at < len(text):
        match = TOKEN.match(text, at)
        assert match is not None  # `other` takes any character
        kind, start, at = match.lastgroup, at, match.end()
        if kind == "comment":
            tool = tool or bool(UP.match(match.group()))
            transaction = transaction and not NO_TRANSACTION.match(match.group())
            if tool and DOWN.match(match.group()):
                down, text = splitter.line_at(start), text[:start]
                break
        elif kind == "block":
            at = end_of_comment(text, at)
        elif kind == "semicolon" and not splitter.parentheses and not splitter.blocks:
            splitter.finish(start)
        elif kind == "command":
            splitter.commands.append(Statement(splitter.line_at(start), match.group().rstrip()))
        elif kind != "space":
            splitter.begin = start if splitter.begin is None else splitter.begin
            at = after(splitter, match, at)
    splitter.finish(len(text))
    return Script(tuple(splitter.statements), tuple(splitter.commands), down, tool and transaction)


def after(splitter: Splitter, match: re.Match[str], at: int) -> int:
    """Takes a token that is part of a statement; returns where to go on."""
    kind, text = match.lastgroup, splitter.text
    if kind == "dollar":
        end = text.find(match.group(), at)
        return len(text) if end < 0 else end + len(match.group())
    if kind == "other" and match.group() in "'\"":
        return len(text)
    if kind == "word":
        splitter.enter(match.group().lower())
    elif kind == "open":
        splitter.parentheses += 1
    elif kind == "close":
        splitter.parentheses = max(0, splitter.parentheses - 1)
    return at


def end_of_comment(text: str, at: int) -> int:
    """Where the block comment ends that has begun before `at`. They nest."""
    depth = 1
    while depth:
        edge = EDGE_OF_A_COMMENT.search(text, at)
        if edge is None:
            return len(text)
        depth += 1 if edge.group() == "/*" else -1
        at = edge.end()
    return at
