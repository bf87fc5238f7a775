// says: a rule's name
#include "faults/rule.h"

void look(bool holds) { RAZOR_RULE("money: lost", holds, "{} are left", 3); }
