/* What the sources of this folder have in common.
 *
 * Nothing here decides that something is damaged. What these functions cannot vouch for they leave to Python, which
 * looks at it again and is the only judge. All that is read is hostile: every length is compared with what is left.
 */
#ifndef AETHER_NATIVE_H
#define AETHER_NATIVE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define EXPORTED __attribute__((visibility("default")))

/* Bytes behind each page in memory that may be read and mean nothing, so that text is looked at 16 bytes at a time. */
#define PADDING 64

typedef struct {
    const uint8_t *at;
    size_t length;
} Text;

/* The eight bytes at `data` as a number. */
static inline uint64_t little_endian(const uint8_t *data) {
    uint64_t value;
    memcpy(&value, data, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

/* --- hashing.c */

uint32_t crc32_from(uint32_t start, const uint8_t *data, size_t length);
/* SipHash-1-3. */
int64_t keyed_hash(const uint64_t key[2], Text text);

/* --- times.c */

/* A time as `2026-03-01T10:00:00.123Z`, cut to microseconds since 1970; 0 for any other, and for those of years that a
 * float of seconds does not tell exactly. */
int read_time(Text text, int64_t *microseconds);

/* --- blake2b.c */

/* Hashes of 16 bytes of `prefix` and each of the texts, which have 128 bytes together at most. */
void blake2b_16(Text prefix, const Text *texts, int count, uint8_t (*results)[16]);

/* --- document.c */

typedef struct {
    Text id, event_type, actor_id, command_id, cause;
    int64_t version;
    int64_t microseconds; /* since 1970 */
} Document;

/* Whether `raw` is a plain event without a key that stands twice in an object; 0 also where it may be one. */
int read_document(Text raw, Document *document);
/* Whether a text is UTF-8 throughout, without control characters, quotes and backslashes. */
int is_simple(Text text);

/* --- pages.c: the file format is https://sqlite.org/fileformat2.html, section 1 */

typedef struct {
    int32_t descriptor;
    uint32_t page_size; /* all of it in use */
    uint32_t page_count;
} File;

enum { INTERIOR_INDEX = 0x02, INTERIOR_TABLE = 0x05, LEAF_INDEX = 0x0A, LEAF_TABLE = 0x0D };

#define MOST_LEVELS_OF_TREE 12

/* A page in memory, with what its header says: `cells` is where the pointers to its `count` cells begin. */
typedef struct {
    uint8_t *bytes;
    uint32_t number, size, cells, count;
    uint8_t kind;
} Page;

/* The pages from the root of a tree down to where one is; `next[level]` is the child to go on with. Of a table, the
 * row ids at a level are above `above[level]`, up to `up_to[level]`.
 *
 * A walk that ends before it has seen all is lost. */
typedef struct {
    const File *file;
    Page pages[MOST_LEVELS_OF_TREE];
    uint32_t next[MOST_LEVELS_OF_TREE];
    int64_t above[MOST_LEVELS_OF_TREE], up_to[MOST_LEVELS_OF_TREE];
    int level, is_lost;
} Walk;

/* Whether there is memory for a walk; `end_walk` belongs to it either way. */
int begin_walk(Walk *walk, const File *file);
void end_walk(Walk *walk);
/* Reads a page of a tree; 0 where it cannot be read, or SQLite would not take it for one. */
int read_page(const File *file, uint32_t number, Page *page);
/* Goes to the leaf of a table that has, or would have, a row; 0 where there is no way. */
int seek_row(Walk *walk, uint32_t root, int64_t row_id);
/* Goes to the next leaf; 0 where there is none, or no way to it (then it is lost). */
int next_leaf(Walk *walk);
/* The leaf a walk is at. */
Page *leaf_of(Walk *walk);
int is_interior(uint8_t kind);
/* The page that the `index`th child of an interior page is, 0 for none. */
uint32_t child_of(const Page *page, uint32_t index);

uint32_t big_endian(const uint8_t *bytes, int length);
/* Where the cell begins. */
uint32_t cell_at(const Page *page, uint32_t index);
/* Reads a number of variable length; the place behind it, NULL where it does not end in front of `end`. */
const uint8_t *read_varint(const uint8_t *at, const uint8_t *end, uint64_t *value);

#define MOST_VALUES 8

/* The values of a record: serial types and where each begins. */
typedef struct {
    uint64_t types[MOST_VALUES];
    const uint8_t *values[MOST_VALUES];
} Record;

/* Reads a record of `count` values that is all there; 0 for any other. */
int read_record(const uint8_t *at, const uint8_t *end, int count, Record *record);
/* The value as a number; 0 where it is none. */
int integer_of(const Record *record, int index, int64_t *value);
/* The value's bytes if it has this kind (0: blob, 1: text). */
int bytes_of(const Record *record, int index, int kind, Text *bytes);
/* Reads a cell of a table's leaf page that is all on it; 0 for any other. */
int read_row(const Page *page, uint32_t index, int64_t *row_id, const uint8_t **payload, const uint8_t **end);

/* --- entries.c */

enum { NO_ENTRIES, EVENT_ROWS, VERSION_ENTRIES, ID_ENTRIES };

/* What the entries of the index over ids for positions `first` to `last` come to. */
typedef struct {
    int64_t first, last;
    uint64_t count, high_sum, low_sum; /* of the halves of the ids, the high ones signed */
    uint64_t places;                   /* the sum of sequences */
} IdSums;

/* What the entries of a tree come to. */
typedef struct {
    int32_t kind;    /* what its entries are */
    int32_t unknown; /* whether there are any that are not plain */
    uint64_t key[2];
    uint64_t count, sum; /* of rows of the log, or of entries of the index over versions */
    IdSums *ids;         /* from the lowest positions up, none twice */
    int64_t id_ranges;
} Sums;

/* Adds the entries of a page whose cells all begin on it. */
void add_entries(Sums *sums, const Page *page);

#endif
