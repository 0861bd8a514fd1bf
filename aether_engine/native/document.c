/* One event's bytes: whether they are a plain event, and what it says.
 *
 * Stricter than JSON wherever that is simpler: whatever is unusual is not read here.
 */

#include "native.h"

#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* Deeper nesting, more keys in an object and longer numbers are unusual. */
#define MOST_LEVELS 48
#define MOST_KEYS 64
#define MOST_DIGITS 18
#define MOST_EXPONENT_DIGITS 2

/* `keys` are hashes of the keys of the objects that are open, of which there are no more than fit. */
typedef struct {
    const uint8_t *at, *end;
    uint64_t keys[MOST_LEVELS * MOST_KEYS];
    int key_count;
} Cursor;

static int read_value(Cursor *cursor, int level);

static int is_next(Cursor *cursor, uint8_t byte) {
    if (cursor->at >= cursor->end || *cursor->at != byte)
        return 0;
    cursor->at++;
    return 1;
}

static void skip_space(Cursor *cursor) {
    const uint8_t *at = cursor->at;
    while (at < cursor->end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    cursor->at = at;
}

/* --- Texts */

/* The first byte from `at` on that ends a text or needs a closer look. */
static const uint8_t *end_of_plain(const uint8_t *at, const uint8_t *end) {
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), space = _mm_set1_epi8(0x20);
    while (at < end) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)at);
        /* As signed numbers, bytes of 0x80 and more are less than a space as well. */
        __m128i odd = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)),
                                   _mm_cmplt_epi8(bytes, space));
        int mask = _mm_movemask_epi8(odd);
        if (mask) {
            at += __builtin_ctz((unsigned)mask);
            return at < end ? at : end;
        }
        at += 16;
    }
    return end;
#else
    while (at < end && *at != '"' && *at != '\\' && *at >= 0x20 && *at < 0x80)
        at++;
    return at;
#endif
}

/* The length of the UTF-8 character at `at`, 0 for what is none. */
static int character_length(const uint8_t *at, const uint8_t *end) {
    uint8_t first = at[0];
    int length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || end - at < length)
        return 0;
    for (int index = 1; index < length; index++)
        if ((at[index] & 0xC0) != 0x80)
            return 0;
    if ((first == 0xE0 && at[1] < 0xA0) || (first == 0xED && at[1] > 0x9F) || (first == 0xF0 && at[1] < 0x90) ||
        (first == 0xF4 && at[1] > 0x8F))
        return 0;
    return length;
}

static int hexadecimal(const uint8_t *at, unsigned *value) {
    *value = 0;
    for (int index = 0; index < 4; index++) {
        uint8_t digit = at[index];
        unsigned number = digit >= '0' && digit <= '9'   ? digit - '0'
                          : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
                          : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
                                                         : 16;
        if (number > 15)
            return 0;
        *value = *value << 4 | number;
    }
    return 1;
}

/* The length of the escape at `at`, 0 for what is none. */
static int escape_length(const uint8_t *at, const uint8_t *end) {
    unsigned value, second;
    if (end - at < 2)
        return 0;
    if (at[1] != 'u')
        return at[1] && strchr("\"\\/bfnrt", at[1]) ? 2 : 0;
    if (end - at < 6 || !hexadecimal(at + 2, &value))
        return 0;
    if (value < 0xD800 || value > 0xDFFF)
        return 6;
    if (value > 0xDBFF || end - at < 12 || at[6] != '\\' || at[7] != 'u' || !hexadecimal(at + 8, &second))
        return 0;
    return second >= 0xDC00 && second <= 0xDFFF ? 12 : 0;
}

/* Reads a text; `plain` has escapes in it if and only if its place is NULL. */
static int read_text(Cursor *cursor, Text *plain) {
    if (!is_next(cursor, '"'))
        return 0;
    const uint8_t *start = cursor->at, *at = start, *end = cursor->end;
    int has_escapes = 0;
    for (;;) {
        at = end_of_plain(at, end);
        if (at >= end || *at < 0x20)
            return 0;
        if (*at == '"')
            break;
        int length = *at == '\\' ? escape_length(at, end) : character_length(at, end);
        if (!length)
            return 0;
        has_escapes |= *at == '\\';
        at += length;
    }
    plain->at = has_escapes ? NULL : start;
    plain->length = (size_t)(at - start);
    cursor->at = at + 1;
    return 1;
}

/* Reads a text without escapes. */
static int read_plain_text(Cursor *cursor, Text *text) { return read_text(cursor, text) && text->at; }

int is_simple(Text text) {
    const uint8_t *at = text.at, *end = text.at + text.length;
    while ((at = end_of_plain(at, end)) < end) {
        int length = *at >= 0x80 ? character_length(at, end) : 0;
        if (!length)
            return 0;
        at += length;
    }
    return 1;
}

static int equals(Text text, const char *other, size_t length) {
    return text.length == length && !memcmp(text.at, other, length);
}
#define IS(text, literal) equals(text, literal, sizeof(literal) - 1)

/* --- Values */

static int read_word(Cursor *cursor, const char *word, size_t length) {
    if ((size_t)(cursor->end - cursor->at) < length || memcmp(cursor->at, word, length))
        return 0;
    cursor->at += length;
    return 1;
}

static int is_null(Cursor *cursor) { return read_word(cursor, "null", 4); }

static int digits(Cursor *cursor) {
    const uint8_t *start = cursor->at, *at = start;
    while (at < cursor->end && *at >= '0' && *at <= '9')
        at++;
    cursor->at = at;
    return at - start <= MOST_DIGITS ? (int)(at - start) : MOST_DIGITS + 1;
}

static int read_number(Cursor *cursor) {
    is_next(cursor, '-');
    int starts_with_zero = cursor->at < cursor->end && *cursor->at == '0';
    int count = digits(cursor);
    if (!count || count > MOST_DIGITS || (starts_with_zero && count > 1))
        return 0;
    if (is_next(cursor, '.')) {
        count = digits(cursor);
        if (!count || count > MOST_DIGITS)
            return 0;
    }
    if (is_next(cursor, 'e') || is_next(cursor, 'E')) {
        if (!is_next(cursor, '-'))
            is_next(cursor, '+');
        count = digits(cursor);
        if (!count || count > MOST_EXPONENT_DIGITS)
            return 0;
    }
    return 1;
}

static int read_integer(Cursor *cursor, int64_t *value) {
    const uint8_t *start = cursor->at;
    int count = digits(cursor);
    if (!count || count > MOST_DIGITS || (*start == '0' && count > 1))
        return 0;
    int64_t result = 0;
    for (; start < cursor->at; start++)
        result = 10 * result + (*start - '0');
    *value = result;
    return 1;
}

/* --- Objects */

/* Reads a key with its colon, which the object whose keys begin at `first` must not have yet. */
static int read_key(Cursor *cursor, int first, Text *key) {
    if (!read_plain_text(cursor, key))
        return 0;
    skip_space(cursor);
    if (!is_next(cursor, ':'))
        return 0;
    skip_space(cursor);
    uint64_t hash = key->length;
    const uint8_t *at = key->at;
    size_t left = key->length;
    for (; left; at += 8, left -= left > 8 ? 8 : left) {
        uint64_t word = little_endian(at); /* there is padding behind */
        if (left < 8)
            word &= (1ULL << 8 * left) - 1;
        hash = (hash ^ word) * 0x9E3779B97F4A7C15;
        hash ^= hash >> 29;
    }
    for (int index = first; index < cursor->key_count; index++)
        if (cursor->keys[index] == hash)
            return 0;
    if (cursor->key_count - first >= MOST_KEYS)
        return 0;
    cursor->keys[cursor->key_count++] = hash;
    return 1;
}

/* Whether another member follows (1), the object or list is over (0), or neither (-1). */
static int goes_on(Cursor *cursor, uint8_t close) {
    skip_space(cursor);
    if (is_next(cursor, ',')) {
        skip_space(cursor);
        return 1;
    }
    return is_next(cursor, close) ? 0 : -1;
}

/* Behind the opening bracket: whether it closes at once. */
static int is_empty(Cursor *cursor, uint8_t close) {
    skip_space(cursor);
    return is_next(cursor, close);
}

static int read_object(Cursor *cursor, int level) {
    if (level >= MOST_LEVELS || !is_next(cursor, '{'))
        return 0;
    if (is_empty(cursor, '}'))
        return 1;
    int first = cursor->key_count, more;
    do {
        Text key;
        if (!read_key(cursor, first, &key) || !read_value(cursor, level + 1))
            return 0;
        more = goes_on(cursor, '}');
    } while (more > 0);
    cursor->key_count = first;
    return !more;
}

static int read_list(Cursor *cursor, int level) {
    if (level >= MOST_LEVELS || !is_next(cursor, '['))
        return 0;
    if (is_empty(cursor, ']'))
        return 1;
    int more;
    do {
        if (!read_value(cursor, level + 1))
            return 0;
        more = goes_on(cursor, ']');
    } while (more > 0);
    return !more;
}

static int read_value(Cursor *cursor, int level) {
    Text text;
    if (cursor->at >= cursor->end)
        return 0;
    switch (*cursor->at) {
    case '"':
        return read_text(cursor, &text);
    case '{':
        return read_object(cursor, level);
    case '[':
        return read_list(cursor, level);
    case 't':
        return read_word(cursor, "true", 4);
    case 'f':
        return read_word(cursor, "false", 5);
    case 'n':
        return is_null(cursor);
    default:
        return read_number(cursor);
    }
}

static int read_metadata(Cursor *cursor, Text *cause) {
    if (!is_next(cursor, '{'))
        return 0;
    if (is_empty(cursor, '}'))
        return 1;
    int first = cursor->key_count, more;
    do {
        Text key, value;
        if (!read_key(cursor, first, &key) || !read_text(cursor, &value))
            return 0;
        if (IS(key, "CausationID")) {
            if (!value.at)
                return 0;
            *cause = value;
        }
        more = goes_on(cursor, '}');
    } while (more > 0);
    cursor->key_count = first;
    return !more;
}

/* --- Events */

enum { ID = 1, TYPE = 2, ACTOR = 4, VERSION = 8, TIME = 16, DATA = 32, METADATA = 64, COMMAND = 128 };

static int read_field(Cursor *cursor, Text key, Document *document) {
    Text time;
    switch (key.length) {
    case 2:
        return IS(key, "id") && read_plain_text(cursor, &document->id) && document->id.length ? ID : 0;
    case 4:
        return IS(key, "data") && (is_null(cursor) || read_object(cursor, 1)) ? DATA : 0;
    case 7:
        if (IS(key, "actorId"))
            return read_plain_text(cursor, &document->actor_id) && document->actor_id.length ? ACTOR : 0;
        return IS(key, "version") && read_integer(cursor, &document->version) && document->version ? VERSION : 0;
    case 8:
        return IS(key, "metadata") && (is_null(cursor) || read_metadata(cursor, &document->cause)) ? METADATA : 0;
    case 9:
        if (IS(key, "eventType"))
            return read_plain_text(cursor, &document->event_type) && document->event_type.length ? TYPE : 0;
        if (IS(key, "timestamp"))
            return read_plain_text(cursor, &time) && read_time(time, &document->microseconds) ? TIME : 0;
        return IS(key, "commandId") && (is_null(cursor) || read_plain_text(cursor, &document->command_id)) ? COMMAND
                                                                                                           : 0;
    default:
        return 0;
    }
}

int read_document(Text raw, Document *document) {
    static const Text none = {NULL, 0};
    Cursor cursor;
    cursor.at = raw.at;
    cursor.end = raw.at + raw.length;
    cursor.key_count = 0;
    document->command_id = document->cause = none;
    if (!is_next(&cursor, '{'))
        return 0;
    skip_space(&cursor);
    int seen = 0, more;
    do {
        Text key;
        if (!read_key(&cursor, 0, &key))
            return 0;
        int field = read_field(&cursor, key, document);
        if (!field)
            return 0;
        seen |= field;
        more = goes_on(&cursor, '}');
    } while (more > 0);
    int always = ID | TYPE | ACTOR | VERSION | TIME;
    return !more && cursor.at == cursor.end && (seen & always) == always;
}
