#pragma once
// A directory of its own for one test, removed with all it contains.

#include <stdlib.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "razor/base/check.h"

namespace razor::test {

class TempDirectory {
 public:
  TempDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "razor-test-XXXXXX").string();
    RAZOR_CHECK(::mkdtemp(pattern.data()) != nullptr, "cannot make a directory like {}", pattern);
    path_ = pattern;
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const { return path_; }
  /// The path of something in it, which need not exist.
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace razor::test
