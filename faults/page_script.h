#pragma once
// What a page (page.h) does for those whose browser runs scripts: buttons that copy. Without it nothing is missing.

#include <string_view>

namespace razor::faults {

inline constexpr std::string_view kPageScript = R"js(
for (const box of document.querySelectorAll(".copied")) {
  const text = box.querySelector("pre").textContent;
  const button = document.createElement("button");
  button.textContent = "Copy";
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Pages from files may not write the clipboard: selected, the text is one key away from it.
      getSelection().selectAllChildren(box.querySelector("pre"));
      button.textContent = "Selected";
      return;
    }
    button.textContent = "Copied";
  };
  box.append(button);
}
)js";

}  // namespace razor::faults
