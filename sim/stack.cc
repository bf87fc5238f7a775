#include "sim/stack.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <execinfo.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

namespace razor::sim {
namespace {

constexpr std::size_t kLinesMax = 12;
constexpr std::size_t kNameMax = 200;

// A file in memory, as long as the object lives; empty where that cannot be.
class MappedFile {
 public:
  explicit MappedFile(const char* path) {
    const int file = ::open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    struct stat about{};
    if (::fstat(file, &about) == 0 && about.st_size > 0) {
      void* const memory = ::mmap(nullptr, static_cast<std::size_t>(about.st_size), PROT_READ, MAP_PRIVATE, file, 0);
      if (memory != MAP_FAILED) bytes_ = {static_cast<const char*>(memory), static_cast<std::size_t>(about.st_size)};
    }
    ::close(file);
  }
  MappedFile(const MappedFile&) = delete;
  ~MappedFile() {
    if (!bytes_.empty()) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
  }
  // Null unless all of it is there.
  template <class Part>
  const Part* part(std::size_t offset, std::size_t count = 1) const {
    if (offset > bytes_.size() || count > (bytes_.size() - offset) / sizeof(Part)) return nullptr;
    return reinterpret_cast<const Part*>(bytes_.data() + offset);
  }

 private:
  std::string_view bytes_;
};

// The functions of this program, with those that only its own symbol table has: anonymous namespaces, coroutines.
class OwnFunctions {
 public:
  OwnFunctions() : file_("/proc/self/exe") {
    ::dl_iterate_phdr(
        [](dl_phdr_info* info, std::size_t, void* self) {
          static_cast<OwnFunctions*>(self)->moved_by_ = info->dlpi_addr;
          return 1;  // the first is the program
        },
        this);
    const auto* head = file_.part<ElfW(Ehdr)>(0);
    if (head == nullptr || std::memcmp(head->e_ident, ELFMAG, SELFMAG) != 0) return;
    const auto* sections = file_.part<ElfW(Shdr)>(head->e_shoff, head->e_shnum);
    for (std::size_t i = 0; sections != nullptr && i < head->e_shnum; ++i) {
      if (sections[i].sh_type != SHT_SYMTAB || sections[i].sh_link >= head->e_shnum) continue;
      const ElfW(Shdr)& names = sections[sections[i].sh_link];
      count_ = sections[i].sh_size / sizeof(ElfW(Sym));
      symbols_ = file_.part<ElfW(Sym)>(sections[i].sh_offset, count_);
      names_ = file_.part<char>(names.sh_offset, names.sh_size);
      names_size_ = names.sh_size;
    }
  }

  // Null when none is there.
  const char* name_of(const void* address) const {
    if (symbols_ == nullptr || names_ == nullptr) return nullptr;
    const auto at = reinterpret_cast<std::uintptr_t>(address) - moved_by_;
    for (std::size_t i = 0; i < count_; ++i) {
      const ElfW(Sym)& symbol = symbols_[i];
      if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || at < symbol.st_value || at - symbol.st_value >= symbol.st_size)
        continue;
      if (symbol.st_name < names_size_) return names_ + symbol.st_name;
    }
    return nullptr;
  }

 private:
  MappedFile file_;
  std::uintptr_t moved_by_ = 0;
  const ElfW(Sym) * symbols_ = nullptr;
  std::size_t count_ = 0;
  const char* names_ = nullptr;
  std::size_t names_size_ = 0;
};

std::string demangled(const char* name) {
  int status = 0;
  char* const text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string out = status == 0 ? text : name;
  std::free(text);
  // Compilers split coroutines: the part that runs is what the reader wrote.
  for (const std::string_view part : {" [clone .actor]", " (.actor)", " [clone .resume]", " (.resume)"}) {
    if (out.ends_with(part)) out.resize(out.size() - part.size());
  }
  // "(anonymous namespace)::" says nothing, and is long.
  constexpr std::string_view kAnonymous = "(anonymous namespace)::";
  for (std::size_t at = out.find(kAnonymous); at != out.npos; at = out.find(kAnonymous)) out.erase(at, kAnonymous.size());
  // g++ names them by the frame that they take: "f(f(int)::_Z...Frame*)".
  if (out.ends_with(".Frame*)")) {
    const std::string own = out.substr(0, out.find('('));
    const std::size_t begin = own.size() + 1;
    const std::size_t end = out.rfind("::_Z");
    if (end != out.npos && end > begin) out = out.substr(begin, end - begin);
  }
  if (out.size() > kNameMax) out = out.substr(0, kNameMax) + "...";
  return out;
}

// Also what a sanitizer has in the place of a function of the C library.
bool is_plumbing(std::string_view name) {
  for (const std::string_view begin :
       {"razor::runtime::", "razor::base::", "std::", "void std::", "bool std::", "___interceptor_", "__interceptor_"}) {
    if (name.starts_with(begin)) return true;
  }
  return false;
}
bool is_simulator(std::string_view name) {
  constexpr std::string_view kThunk = "non-virtual thunk to ";
  if (name.starts_with(kThunk)) name.remove_prefix(kThunk.size());
  return name.starts_with("razor::sim::");
}

}  // namespace

Stack Stack::here() noexcept {
  Stack stack;
  stack.depth = static_cast<std::size_t>(std::max(::backtrace(stack.frames.data(), kDepthMax), 0));
  return stack;
}

void Stack::prepare() noexcept { (void)here(); }

std::string stack_text(std::span<void* const> frames, const void* from) {
  const auto first = from == nullptr ? frames.end() : std::find(frames.begin(), frames.end(), from);
  const bool begins_there = first != frames.end();
  if (begins_there) frames = frames.subspan(static_cast<std::size_t>(first - frames.begin()));
  const OwnFunctions own;
  std::string text;
  std::string without_names;  // the frames before the first that has one
  std::size_t lines = 0;
  bool saw_program = begins_there;
  for (void* const frame : frames) {
    if (lines == kLinesMax) break;
    const void* const call = static_cast<const char*>(frame) - 1;  // what is on the stack is where it goes on
    Dl_info about{};
    const bool is_known = ::dladdr(call, &about) != 0;
    const char* found = own.name_of(call);
    if (found == nullptr && is_known) found = about.dli_sname;
    const std::string name = found != nullptr ? demangled(found) : std::string();
    if (is_simulator(name)) {
      if (saw_program) break;
      continue;
    }
    if (is_plumbing(name)) continue;
    // Where a signal came in.
    if (!saw_program && is_known && about.dli_fname != nullptr && std::strstr(about.dli_fname, "/libc.") != nullptr)
      continue;
    std::string& lines_of = name.empty() && !saw_program ? without_names : text;
    if (!name.empty()) {
      saw_program = true;
      lines_of += fmt::format("\n    {}", name);
    } else if (is_known && about.dli_fname != nullptr) {
      lines_of += fmt::format("\n    {}+{:#x}", about.dli_fname,
                              reinterpret_cast<std::uintptr_t>(call) - reinterpret_cast<std::uintptr_t>(about.dli_fbase));
    } else {
      lines_of += fmt::format("\n    {}", call);
    }
    ++lines;
  }
  // A signal may come while the simulator is on its way into another library, in a stub that has no name: who called the
  // simulator is below it. Where no frame has a name, the table of names was stripped away, and places must do.
  return text.empty() ? without_names : text;
}

}  // namespace razor::sim
