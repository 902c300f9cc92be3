// SPDX-License-Identifier: Apache-2.0
// Five hexadecimal lines of a status file.
#include "cell/capabilities.h"

#include <fcntl.h>

#include <charconv>
#include <string>
#include <string_view>

#include "sys/file.h"

namespace cell {
namespace {

constexpr std::size_t kMaxStatusBytes = 16384;

bool ReadSet(std::string_view status, std::string_view name, std::uint64_t& set) {
  const auto at = status.find(name);
  if (at == std::string_view::npos) return false;
  std::string_view digits = status.substr(at + name.size());
  while (digits.starts_with('\t') || digits.starts_with(' ')) digits.remove_prefix(1);
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), set, 16);
  return parsed.ec == std::errc();
}

}  // namespace

event::CapabilitySets CapabilitiesOf(pid_t workload, const sandbox::EffectiveControls& at_barrier) {
  const event::CapabilitySets fallback{.effective = at_barrier.cap_eff,
                                       .permitted = at_barrier.cap_prm,
                                       .bounding = at_barrier.cap_bnd,
                                       .ambient = at_barrier.cap_amb,
                                       .inheritable = at_barrier.cap_inh};
  const auto status = sys::ReadFile(AT_FDCWD, "/proc/" + std::to_string(workload) + "/status", kMaxStatusBytes);
  if (!status) return fallback;
  event::CapabilitySets sets;
  const bool all = ReadSet(*status, "CapEff:", sets.effective) && ReadSet(*status, "CapPrm:", sets.permitted) &&
                   ReadSet(*status, "CapBnd:", sets.bounding) && ReadSet(*status, "CapAmb:", sets.ambient) &&
                   ReadSet(*status, "CapInh:", sets.inheritable);
  return all ? sets : fallback;
}

}  // namespace cell
