/* The rows of a run in the order of a ranking, and rows as lines of TSV. */
#ifndef KXCLI_RANKING_H
#define KXCLI_RANKING_H

#include "runs.h"

struct Ranking {
    bool is_grouped;    /* keys begin with a group and KEY_END */
    bool by_word;       /* keep the order of the keys; else by falling count, equal counts by key */
    uint64_t top;       /* rows of each group, those with the highest counts */
    uint64_t min_count; /* of a row */
};

struct Columns {
    bool is_grouped;    /* keys begin with a group and KEY_END */
    bool has_orders;    /* keys end with KEY_END and an order, which is not written */
    bool has_documents; /* write the number of documents */
};

/* Append the selected rows of a run to `out`, group by group, as blocks. */
enum RunStatus rank_run(struct Span run, const struct Ranking *ranking, struct Bytes *out);

/* Append the rows of blocks to `out` as lines: group, word, count, documents. A NUL in a group separates two cells. A
 * tab, LF or CR in a cell becomes \t, \n or \r. A surrogate is RUN_DAMAGED, because UTF-8 has none. */
enum RunStatus format_tsv(struct Span blocks, const struct Columns *columns, struct Bytes *out);

#endif
