/* core/text/pinyin.h: how Chinese is spoken, in letters.
 *
 * ICU knows, but takes 0.2 s to begin and 15 µs for each character. So the process
 * begins once, at the first call, and remembers each character that was asked for, behind a lock.
 * Any thread. */
#pragma once

#include "base/buf.h"

#include <stddef.h>

/* More is refused: as many characters that nobody has asked for before take 20 ms. */
enum { PINYIN_TEXT_MAX = 4 * 1024 };

/* What the first call would do otherwise. Returns 0 or TM_ENOMEM. */
int pinyin_start(void);

/* Appends the text as people type it to find it: Chinese characters as syllables of pinyin without
 * tones and with blanks between, everything else folded and without marks: 张伟 (Zhāng Wěi) becomes
 * "zhang wei", Ärzte 3号 "arzte 3 hao". Of a character with several readings it takes the usual
 * one. Returns 0, TM_EINVAL (no UTF-8, or too long), TM_ENOMEM. */
int pinyin_append(struct buf *out, const char *text, size_t len);
