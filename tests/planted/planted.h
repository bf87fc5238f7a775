#pragma once
// Which planted bug this process has: its number, or 0. In the copy of the tree that run.py makes.

extern int razor_planted;
