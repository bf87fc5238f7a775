// A program of scenarios: `./prog --help`. Link razor::sim_main, and define scenarios with RAZOR_SCENARIO (sim/scenario.h).

#include "sim/main/scenario_program.h"

int main(int argc, char** argv) { return razor::sim::scenario_program(argc, argv); }
