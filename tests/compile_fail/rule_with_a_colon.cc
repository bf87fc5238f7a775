// says: a rule's name
// lines: 25 32
#include "faults/rule.h"

void look(bool holds) { RAZOR_RULE("money: lost", holds, "{} are left", 3); }
