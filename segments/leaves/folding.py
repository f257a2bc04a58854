"""How texts are compared: trimmed, Unicode NFC, then full case folding; the same in Python and in PostgreSQL.

PostgreSQL's `lower()` does not fold fully and depends on the cluster's locale, so `segments_fold` is made from Python's own
tables. ASCII, nearly all of it, takes a short way.
"""

import sys
import unicodedata

BLANK = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())  # what `str.strip` takes off


def fold(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip()).casefold()


def _literal(text: str) -> str:
    """An SQL literal of any characters."""
    return "U&'" + "".join(f"\\+{ord(sign):06x}" for sign in text) + "'"


def folding_functions(schema: str) -> str:
    """The SQL that makes the functions of this app; run by a migration.

    Calls name the schema, so that indexes over the functions can be restored from a dump.
    """
    single: list[tuple[str, str]] = []
    several: list[tuple[str, str]] = []
    for code in range(0x80, sys.maxunicode + 1):
        sign = chr(code)
        folded = sign.casefold()
        if folded != sign:
            (single if len(folded) == 1 else several).append((sign, folded))
    ascii_upper = [(chr(code), chr(code + 32)) for code in range(65, 91)]
    pairs = ascii_upper + single
    wide = f"normalize(btrim($1, {_literal(BLANK)}), NFC)"
    for sign, folded in several:
        wide = f"replace({wide}, {_literal(sign)}, {_literal(folded)})"
    wide = f"translate({wide}, {_literal(''.join(s for s, _ in pairs))}, {_literal(''.join(f for _, f in pairs))})"
    wide_call = f'ELSE "{schema}".segments_fold_wide'
    text = FUNCTIONS.replace("[wide]", wide).replace("[blank]", _literal(BLANK))
    return text.replace("ELSE segments_fold_wide", wide_call)


FUNCTIONS = r"""
-- In PL/pgSQL, so that this long text never becomes part of a plan.
CREATE FUNCTION segments_fold_wide(text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $body$
BEGIN RETURN [wide]; END
$body$;
CREATE FUNCTION segments_fold(text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
SELECT CASE WHEN octet_length($1) = char_length($1) THEN lower(btrim($1, E' \t\n\r\f\x0b\x1c\x1d\x1e\x1f') COLLATE "C")
            ELSE segments_fold_wide($1) COLLATE "C" END
$body$;
-- A scalar of JSON as text: numbers by their shortest form, lists and objects as nothing, blank as nothing.
CREATE FUNCTION segments_scalar(jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
SELECT nullif(CASE jsonb_typeof($1)
    WHEN 'string' THEN btrim($1 #>> '{}', [blank])
    WHEN 'number' THEN trim_scale($1::numeric)::text
    WHEN 'boolean' THEN $1::text END, '')
$body$;
CREATE FUNCTION segments_text(jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
SELECT CASE jsonb_typeof($1)
    WHEN 'string' THEN CASE WHEN octet_length($1 #>> '{}') = char_length($1 #>> '{}')
        THEN lower(btrim($1 #>> '{}', E' \t\n\r\f\x0b\x1c\x1d\x1e\x1f') COLLATE "C")
        ELSE segments_fold_wide($1 #>> '{}') COLLATE "C" END
    WHEN 'number' THEN lower(trim_scale($1::numeric)::text COLLATE "C")
    WHEN 'boolean' THEN lower($1::text COLLATE "C") END
$body$;
-- A number, or text of one: optional sign, ASCII digits, one dot with a digit on both sides, exponent; else nothing.
CREATE FUNCTION segments_number(jsonb) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
SELECT CASE jsonb_typeof($1)
    WHEN 'number' THEN $1::numeric
    WHEN 'string' THEN CASE
        WHEN length($1 #>> '{}') <= 100 AND $1 #>> '{}' ~ '^ *[+-]?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]{1,3})? *$'
        THEN ($1 #>> '{}')::numeric END END
$body$;
-- Whether a JSON value says anything: not null, blank, [] or {}.
CREATE FUNCTION segments_filled(jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
SELECT CASE jsonb_typeof($1)
    WHEN 'string' THEN $1 #>> '{}' ~ '[^[:space:]]'
    WHEN 'array' THEN $1 <> '[]' WHEN 'object' THEN $1 <> '{}' WHEN 'null' THEN false ELSE $1 IS NOT NULL END
$body$;
"""
DROP_FUNCTIONS = """
DROP FUNCTION segments_filled(jsonb), segments_number(jsonb), segments_text(jsonb), segments_scalar(jsonb),
    segments_fold(text), segments_fold_wide(text)
"""
