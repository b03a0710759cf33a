"""The stable codes of everything that can be wrong with a record or a file.

Frictionless names are used wherever Frictionless has one (https://framework.frictionlessdata.io, "Errors").
"""

from __future__ import annotations

from typing import Final

# Of a record, before its cells are known.
QUOTE_ERROR: Final = "quote-error"
ENCODING_ERROR: Final = "encoding-error"
RECORD_TOO_LONG: Final = "record-too-long"
MISSING_CELL: Final = "missing-cell"
EXTRA_CELL: Final = "extra-cell"

# Of a row.
TYPE_ERROR: Final = "type-error"
CONSTRAINT_ERROR: Final = "constraint-error"
EXPRESSION_ERROR: Final = "expression-error"
ROW_CONSTRAINT: Final = "row-constraint"
KEY_ERROR: Final = "key-error"
ITEM_ERROR: Final = "item-error"
PRIMARY_KEY: Final = "primary-key"

# Of a file: it is refused as a whole, unread or withheld.
SOURCE_ERROR: Final = "source-error"
BLANK_HEADER: Final = "blank-header"
BLANK_LABEL: Final = "blank-label"
DUPLICATE_LABEL: Final = "duplicate-label"
MISSING_LABEL: Final = "missing-label"
EXTRA_LABEL: Final = "extra-label"
INCORRECT_LABEL: Final = "incorrect-label"
REJECT_LIMIT: Final = "reject-limit"
DELETE_LIMIT: Final = "delete-limit"
NOTHING_LOADED: Final = "nothing-loaded"
QUERY_ERROR: Final = "query-error"
QUERY_LIMIT: Final = "query-limit"
REFERENCE_ERROR: Final = "reference-error"

# Of a run that failed.
NOT_CONSERVED: Final = "not-conserved"

MEANINGS: Final[dict[str, str]] = {
    QUOTE_ERROR: "A quote stands where the grammar has none, is never closed, or a line ends in the other kind of newline.",
    ENCODING_ERROR: "The record's bytes are not text in the dialect's encoding, or hold a NUL.",
    RECORD_TOO_LONG: "The record is longer than `max_record_bytes`.",
    MISSING_CELL: "The record has fewer cells than the header.",
    EXTRA_CELL: "The record has more cells than the header.",
    TYPE_ERROR: "The cell does not match the pattern of its field's type and format.",
    CONSTRAINT_ERROR: "The cell breaks one of its field's constraints.",
    EXPRESSION_ERROR: "An expression overflowed or failed, or a number it uses does not fit its decimal type exactly.",
    ROW_CONSTRAINT: "The row breaks one of the contract's rules.",
    KEY_ERROR: "A key is absent, empty, too large or ambiguous.",
    ITEM_ERROR: "The item is larger than 400 KB or holds what DynamoDB can't.",
    PRIMARY_KEY: "An earlier row of the file has this key, and the contract says that keys don't repeat.",
    SOURCE_ERROR: "The file can't be read, is empty where a header is due, unpacks to more than 1,000 times its size, or is packed in very many tiny parts.",
    BLANK_HEADER: "The header is an empty line.",
    BLANK_LABEL: "A column of the header has no name.",
    DUPLICATE_LABEL: "Two columns of the header have one name.",
    MISSING_LABEL: "A field of the contract is not in the header.",
    EXTRA_LABEL: "A column of the header is not in the contract.",
    INCORRECT_LABEL: "A column of the header stands where the contract has another field.",
    REJECT_LIMIT: "More rows were rejected than `quality.max_rejects` allows; nothing was loaded.",
    DELETE_LIMIT: "More of the object's items vanished than `load.max_deletes` allows; nothing was changed. `penstock approve`.",
    NOTHING_LOADED: "Rows were rejected, and none was left to load; no limit was passed.",
    QUERY_ERROR: "The contract's query failed on this file's rows: a number overflowed, say, or a cast failed. Nothing was loaded.",
    QUERY_LIMIT: "The file and its references are more than the function can query; nothing was begun. `engine: auto`, or a larger function.",
    REFERENCE_ERROR: "What the query reads beside the rows is not there, or breaks its schema. Nothing was loaded.",
    NOT_CONSERVED: "Counts do not add up: a defect of Penstock. The run failed; please report it.",
}
