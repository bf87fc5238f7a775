#pragma once
// RAZOR_FOR_EACH_(macro, a, b, …): macro(a) macro(b) …, for up to 256 arguments.
// Source: the __VA_OPT__ recursion of C++20 (David Mazières, "Recursive macros with C++20 __VA_OPT__").

#define RAZOR_PARENTHESES_ ()

#define RAZOR_EXPAND_(...) RAZOR_EXPAND_64_(RAZOR_EXPAND_64_(RAZOR_EXPAND_64_(RAZOR_EXPAND_64_(__VA_ARGS__))))
#define RAZOR_EXPAND_64_(...) RAZOR_EXPAND_16_(RAZOR_EXPAND_16_(RAZOR_EXPAND_16_(RAZOR_EXPAND_16_(__VA_ARGS__))))
#define RAZOR_EXPAND_16_(...) RAZOR_EXPAND_4_(RAZOR_EXPAND_4_(RAZOR_EXPAND_4_(RAZOR_EXPAND_4_(__VA_ARGS__))))
#define RAZOR_EXPAND_4_(...) RAZOR_EXPAND_1_(RAZOR_EXPAND_1_(RAZOR_EXPAND_1_(RAZOR_EXPAND_1_(__VA_ARGS__))))
#define RAZOR_EXPAND_1_(...) __VA_ARGS__

#define RAZOR_FOR_EACH_(macro, ...) __VA_OPT__(RAZOR_EXPAND_(RAZOR_FOR_EACH_STEP_(macro, __VA_ARGS__)))
#define RAZOR_FOR_EACH_STEP_(macro, first, ...) \
  macro(first) __VA_OPT__(RAZOR_FOR_EACH_AGAIN_ RAZOR_PARENTHESES_(macro, __VA_ARGS__))
#define RAZOR_FOR_EACH_AGAIN_() RAZOR_FOR_EACH_STEP_

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
