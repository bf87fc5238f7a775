// Precompiled headers need a source file to be made for: tests/CMakeLists.txt.
