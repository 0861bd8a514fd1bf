/* Whole trees of a file: whether each of their pages is in order, and what their entries come to. */

#include "native.h"

/* What is asked, and what came of it. */
typedef struct {
    File file;
    uint32_t root;
    int32_t is_table;
    uint8_t *seen; /* a bit for each page of the file, and for page 0 */
    Sums sums;
} Tree;

/* The kinds of pages that a table with row ids has, or any other tree. */
static int belongs(const Page *page, int is_table) {
    return is_table ? page->kind == INTERIOR_TABLE || page->kind == LEAF_TABLE
                    : page->kind == INTERIOR_INDEX || page->kind == LEAF_INDEX;
}

/* Reads a page at the level of the walk, if it is in order and was not read before. */
static int enter_page(Walk *walk, Tree *tree, uint32_t number) {
    if (!number || number > tree->file.page_count)
        return 0;
    uint8_t *seen = &tree->seen[number >> 3], bit = (uint8_t)(1 << (number & 7));
    if (*seen & bit)
        return 0;
    *seen |= bit;
    Page *page = &walk->pages[walk->level];
    if (!read_page(walk->file, number, page) || !belongs(page, tree->is_table))
        return 0;
    walk->next[walk->level] = 0;
    add_entries(&tree->sums, page);
    return 1;
}

/* Whether all pages are in order, each of them once in the tree; which, is told by `seen`. */
EXPORTED int64_t read_tree(Tree *tree) {
    Walk walk;
    int is_sound = begin_walk(&walk, &tree->file) && enter_page(&walk, tree, tree->root);
    while (is_sound && walk.level >= 0) {
        const Page *page = &walk.pages[walk.level];
        if (!is_interior(page->kind) || walk.next[walk.level] > page->count) {
            walk.level--;
            continue;
        }
        uint32_t child = child_of(page, walk.next[walk.level]++);
        is_sound = ++walk.level < MOST_LEVELS_OF_TREE && enter_page(&walk, tree, child);
    }
    end_walk(&walk);
    return is_sound;
}
