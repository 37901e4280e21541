"""Which compiled function is it? Identity by C symbol and library, never by name, and what is known of each.

A name in pg_proc can be anybody's. What a function of language `internal` or `c` runs is its symbol (pg_proc.prosrc) in
its library (pg_proc.probin), and only a superuser makes such a function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from harness.patterns import lazily
from harness.postgres.sql_tokens import words

if TYPE_CHECKING:
    from harness.postgres.column_default import Function

POSTGRES, UUID_OSSP, PGCRYPTO = "postgres", "uuid-ossp", "pgcrypto"


class Symbol(NamedTuple):
    """A compiled function: the library that holds it, and its name there."""

    library: str
    name: str


MAKES_VERSION_4 = frozenset(
    {
        Symbol(POSTGRES, "gen_random_uuid"),  # uuidv4() of Postgres 18 is the same one
        Symbol(POSTGRES, "uuidv4"),
        Symbol(UUID_OSSP, "uuid_generate_v4"),
        Symbol(PGCRYPTO, "pg_random_uuid"),
    }
)
# What a value that nobody can guess may come from.
_STRONG = MAKES_VERSION_4 | {
    Symbol(PGCRYPTO, "pg_random_bytes"),
    Symbol(POSTGRES, "uuidv7"),
    Symbol(POSTGRES, "uuidv7_interval"),
}
_OF_EXTENSIONS = _STRONG | {
    *(Symbol(UUID_OSSP, f"uuid_{name}") for name in ("nil", "ns_dns", "ns_url", "ns_oid", "ns_x500")),
    *(Symbol(UUID_OSSP, f"uuid_generate_{version}") for version in ("v1", "v1mc", "v3", "v5")),
    *(Symbol(PGCRYPTO, f"pg_{name}") for name in ("digest", "hmac")),
}
# Built-ins that run SQL of a text, or read what is outside of the statement: their value may come from anywhere.
_FROM_ANYWHERE = lazily(
    r"(query|cursor|table|schema|database)_to_xml|ts_stat|tsquery_rewrite_query|pg_read_|pg_ls_|be_lo|current_query"
    r"|pg_logical_slot_|show_|set_config|pg_stat_|pg_get_"
)
# Of these nothing happens beyond the value that they return, and that is no longer than what they are given, or as long
# as they are told (`harness.postgres.harmless_text` knows the few that stretch it).
_HARMLESS_BUILT_INS = words(
    """
    drandom drandom_normal int4random int8random md5_text md5_bytea sha224_bytea sha256_bytea sha384_bytea
    sha512_bytea gen_random_uuid uuidv4 uuid_send binary_encode binary_decode pg_convert_to byteaSetByte byteaGetByte
    byteaSetBit byteaGetBit bitsetbit bitgetbit bytea_substr bytea_substr_no_len text_substr text_substr_no_len
    bitsubstr bitsubstr_no_len textregexsubstr text_left text_right replace_text byteaoverlay byteaoverlay_no_len
    textoverlay textoverlay_no_len bitoverlay bitoverlay_no_len lower upper range_lower range_upper multirange_lower
    multirange_upper initcap text_reverse translate lpad btrim btrim1 byteatrim ltrim ltrim1 bytealtrim rtrim rtrim1
    byteartrim textlen bpcharlen byteaoctetlen textoctetlen bpcharoctetlen bitlength bitoctetlength to_hex32 to_hex64
    chr ascii text_concat dfloor numeric_floor dceil numeric_ceil dtrunc dround numeric_round numeric_trunc int4send
    int8send clock_timestamp now statement_timestamp timeofday extract_timestamptz extract_timestamp extract_date
    extract_time extract_timetz extract_interval timestamptz_part timestamp_part textcat byteacat numeric_add
    numeric_sub numeric_div numeric_mod numeric_uminus dtoi2 dtoi4 dtoi8 ftoi4 ftoi8 i4tod i8tod i2tod int48 int84
    int24 int42 i2toi4 i4toi2 int82 int28 int4_numeric int8_numeric float8_numeric numeric numeric_int4 numeric_int8
    numeric_float8 bittoint4 bittoint8 bitfromint4 bitfromint8 varchar bpchar text_name name_text current_database
    texteq textne uuid_eq uuid_ne booleq boolne
    """
)
_ARITHMETIC = lazily(
    r"(int[248]{1,2}|float[48]{1,2}|numeric_)(pl|mi|mul|div|mod|and|or|xor|not|shl|shr|um|up|eq|ne|lt|le|gt|ge|abs)"
)


def symbol_of(function: Function) -> Symbol | None:
    """Which compiled function it is; None where it is none, or of a library that is not known.

    An aggregate is what its state function makes it, and a symbol that was declared anew may have other types.
    """
    if function.language == "internal":
        return Symbol(POSTGRES, function.source) if function.built_in or function.extension == PGCRYPTO else None
    if function.language == "c" and function.extension in (UUID_OSSP, PGCRYPTO):
        library = function.library.removeprefix("$libdir/")
        return Symbol(function.extension, function.source) if library == function.extension else None
    return None


def is_version_4_generator(function: Function) -> bool:
    """Whether it is one of the functions that make version 4 UUIDs (RFC 9562 section 5.4)."""
    return symbol_of(function) in MAKES_VERSION_4


def is_strong(function: Function) -> bool:
    """Whether it makes values from the operating system's own randomness."""
    return symbol_of(function) in _STRONG


def is_understood(function: Function) -> bool:
    """Whether it is known what its value comes from: from itself and what it is given."""
    symbol = symbol_of(function)
    if symbol is None:
        return False
    if symbol.library == POSTGRES:
        return _FROM_ANYWHERE.match(symbol.name) is None
    return symbol in _OF_EXTENSIONS


def is_harmless(function: Function) -> bool:
    """Whether it may be called: it acts on nothing, and takes neither long nor much memory.

    Not the UUIDs of a clock (`uuid_generate_v1`): libuuid keeps their state in a file of the server.
    """
    symbol = symbol_of(function)
    if symbol is None:
        return False
    if symbol.library == POSTGRES:
        return symbol.name in _HARMLESS_BUILT_INS or _ARITHMETIC.fullmatch(symbol.name) is not None
    return symbol in _OF_EXTENSIONS and not symbol.name.startswith("uuid_generate_v1")
