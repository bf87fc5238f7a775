#pragma once
#pragma GCC system_header  // compilers do not print the steps of its macros below an error in their arguments
// RAZOR_FOR_EACH_(macro, x, y, …): macro(x) macro(y) …, for up to 256 arguments.
//
// It counts the arguments and picks the expansion of that many (for_each_expansions.h). A recursive macro would be shorter, but
// compilers print every step of it below an error in an argument: a thousand lines for one misspelt field.

#include "razor/wire/for_each_expansions.h"

#define RAZOR_FOR_EACH_(macro, ...) __VA_OPT__(RAZOR_CONCAT_(RAZOR_FOR_EACH_, RAZOR_COUNT_(__VA_ARGS__))(macro, __VA_ARGS__))

// The same inside of another one, where the macro of that is not expanded again.
#define RAZOR_FOR_EACH_INNER_(macro, ...) \
  __VA_OPT__(RAZOR_CONCAT_INNER_(RAZOR_FOR_EACH_INNER_, RAZOR_COUNT_(__VA_ARGS__))(macro, __VA_ARGS__))
#define RAZOR_CONCAT_INNER_(a, b) RAZOR_CONCAT_INNER_NOW_(a, b)
#define RAZOR_CONCAT_INNER_NOW_(a, b) a##b

// The first of a list, without its comma: for lists whose elements begin with one.
#define RAZOR_BEHIND_COMMA_(...) RAZOR_BEHIND_COMMA_OF_(__VA_ARGS__)
#define RAZOR_BEHIND_COMMA_OF_(nothing, ...) __VA_ARGS__

#define RAZOR_CONCAT_(a, b) RAZOR_CONCAT_NOW_(a, b)
#define RAZOR_CONCAT_NOW_(a, b) a##b
#define RAZOR_STRINGIZE_(text) RAZOR_STRINGIZE_NOW_(text)
#define RAZOR_STRINGIZE_NOW_(text) #text

// An element of a list is a name, or something in parentheses that a macro such as RAZOR_METHOD_AS made: 1 for the latter.
#define RAZOR_SECOND_(first, second, ...) second
#define RAZOR_PROBE_(...) ~, 1
#define RAZOR_IS_PAIR_(...) RAZOR_SECOND_(__VA_ARGS__, 0, 0)
#define RAZOR_IN_PARENTHESES_(element) RAZOR_IS_PAIR_(RAZOR_PROBE_ element)
// true, or false where there are several.
#define RAZOR_IS_ONE_(first, ...) (true __VA_OPT__(&&false))
