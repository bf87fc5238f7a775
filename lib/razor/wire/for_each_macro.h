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
