"""Tokens that are handed on in a wrapper: Either, Result, Option, `{ok: true, value}`, tuples."""

from __future__ import annotations

import pytest

from tests.support.apps import analysed

NANOID = 'import { nanoid } from "nanoid";\n'
STORE = "await pool.query('INSERT INTO chatbots (name, public_token) VALUES ($1, $2) RETURNING *', [name, {token}]);"


def stored(make: str, take: str, token: str, before: str = "") -> str:
    """A route: `make` is the value that a function answers, `take` what the route does with its answer `r`."""
    return f"""{NANOID}{before}
        function fresh() {{ const code = nanoid(8); return {make}; }}
        export async function create(name) {{
          const r = fresh();
          {take}
          {STORE.replace("{token}", token)}
        }}"""


RESULT = """
    class Result<T> {
      constructor(readonly ok: boolean, readonly value?: T, readonly error?: string) {}
      static ok<T>(value: T) { return new Result<T>(true, value); }
      static fail<T>(error: string) { return new Result<T>(false, undefined, error); }
      unwrap() { return this.value; }
    }
    class Some<T> { constructor(private readonly inner: T) {} get() { return this.inner; } getOrElse(d) { return this.inner; } }
    const ok = <T,>(value: T) => ({ ok: true as const, value });
    const wrap = <T,>(data: T) => ({ data, error: null });
"""
FP = """
    import * as E from "fp-ts/Either";
    import * as O from "fp-ts/Option";
    import { ok as good, Ok } from "neverthrow";
    import { Right, Just } from "purify-ts";
    import { Effect } from "effect";
"""
WRAPPED = {
    "fp-ts's Either": stored("E.right(code)", "if (E.isLeft(r)) throw r.left;", "r.right", FP),
    "fp-ts's Option": stored("O.some(code)", "if (O.isNone(r)) throw 1;", "r.value", FP),
    "fp-ts's fold": stored("E.right(code)", "const t = E.getOrElse(() => '')(r);", "t", FP),
    "neverthrow": stored("good(code)", "if (r.isErr()) throw r.error;", "r.value", FP),
    "neverthrow, unwrapped": stored("good(code)", "const t = r._unsafeUnwrap();", "t", FP),
    "neverthrow's unwrapOr": stored("good(code)", "const t = r.unwrapOr('');", "t", FP),
    "a new Ok": stored("new Ok(code)", "", "r.value", FP),
    "purify": stored("Right(code)", "", "r.extract()", FP),
    "a Result of the app": stored("Result.ok(code)", "if (!r.ok) throw r.error;", "r.value", RESULT),
    "a Result of the app, unwrapped": stored("Result.ok(code)", "", "r.unwrap()", RESULT),
    "an Option of the app": stored("new Some(code)", "", "r.get()", RESULT),
    "an Option of the app with a fallback": stored("new Some(code)", "", "r.getOrElse('')", RESULT),
    "an object": stored("{ ok: true, value: code }", "if (!r.ok) throw 1;", "r.value"),
    "an object, taken apart": stored("{ ok: true, value: code }", "const { value } = r;", "value"),
    "a function that makes the object": stored("ok(code)", "if (!r.ok) throw 1;", "r.value", RESULT),
    "data and error": stored("wrap(code)", "const { data, error } = r;", "data", RESULT),
    "a tuple": stored("[null, code]", "const [err, token] = r; if (err) throw err;", "token"),
    "a tuple by its index": stored("[null, code] as const", "", "r[1]"),
    "a promise of a tuple": stored("Promise.resolve([undefined, code])", "const [, token] = await r;", "token"),
    "a getter of a class": stored(
        "new Code(code)",
        "",
        "r.value",
        "class Code { constructor(v) { this._v = v; } get value() { return this._v; } }",
    ),
    "the match of a Result": stored("good(code)", "const t = r.match((v) => v, (e) => { throw e; });", "t", FP),
    "an object within an object": stored(
        "{ ok: true, payload: { token: code } }", "const { payload: { token } } = r;", "token"
    ),
    "a task": stored(
        "TE.right(code)", "const e = await r();", "e.right", FP + 'import * as TE from "fp-ts/TaskEither";'
    ),
    "the next of a generator": stored(
        "ids().next()", "", "r.value", "function* ids() { while (true) yield nanoid(8); }"
    ),
    "an entry of a map": stored("new Map([['t', code]])", "", "r.get('t')"),
    "a box of a package": stored("Box.of(code)", "", "r.contents", 'import { Box } from "@acme/box";'),
}
OF_OTHERS = {
    "the error of a tuple": stored("[code, null]", "const [err, token] = r;", "token"),
    "another member of an object": stored("{ ok: true, value: code, label: 'x' }", "", "r.label"),
    "the left of an Either": stored("E.right(code)", "", "r.left", FP),
    "the error of a Result": stored("Result.ok(code)", "", "r.error", RESULT),
    "what a package's error says": stored("good(code)", "", "r.error", FP),
    "what else a wrapper holds": stored(
        "wrap('x' + name)", "const { data } = r;", "data", RESULT.replace("nanoid", "")
    ),
    "whether it went well": stored("good(code)", "const went = r.isOk();", "went", FP),
}


@pytest.mark.parametrize("shape", WRAPPED)
def test_a_wrapped_token_is_followed(shape: str) -> None:
    """Into the wrapper, and out of it."""
    found = analysed(WRAPPED[shape])
    assert len(found.reaching) == 1, found


@pytest.mark.parametrize("shape", OF_OTHERS)
def test_what_else_a_wrapper_holds_is_no_token(shape: str) -> None:
    """Its error, its flag, another member."""
    assert analysed(OF_OTHERS[shape]).reaching == ()
