// SPDX-License-Identifier: Apache-2.0
// host.tap_link.
#include "probe/tap_link_probe.h"

#include <fcntl.h>
#include <net/if.h>

#include <algorithm>
#include <charconv>

#include "base/encoding.h"
#include "event/json_object.h"
#include "event/probe_events.h"
#include "sys/file.h"

namespace probe {
namespace {

constexpr std::size_t kMaxFile = 4096, kMaxWord = 32;

struct Counter {
  std::string_view file, member;
};
constexpr Counter kCounters[] = {
    {"statistics/rx_packets", "rxPackets"},
    {"statistics/tx_packets", "txPackets"},
    {"statistics/rx_bytes", "rxBytes"},
    {"statistics/tx_bytes", "txBytes"},
};

bool IsInterfaceName(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  };
  return !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." && std::ranges::all_of(name, allowed);
}

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const auto begin = text.find_first_not_of(kBlanks);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

base::Result<std::string> ReadWord(const std::string& directory, std::string_view file) {
  const std::string text = TRY(sys::ReadFile(AT_FDCWD, directory + "/" + std::string(file), kMaxFile));
  const std::string_view word = Trimmed(text);
  const bool plain = std::ranges::all_of(word, [](char c) { return c > ' ' && c < '\x7f'; });
  if (word.empty() || word.size() > kMaxWord || !plain) {
    return base::Fail(base::ErrorKind::kInvalid, "no single word: " + base::Escape(word, 64));
  }
  return std::string(word);
}

base::Result<std::uint64_t> ReadNumber(const std::string& directory, std::string_view file) {
  const std::string word = TRY(ReadWord(directory, file));
  std::uint64_t number = 0;
  const char* const end = word.data() + word.size();
  const auto [stopped, fault] = std::from_chars(word.data(), end, number);
  if (fault != std::errc() || stopped != end)
    return base::Fail(base::ErrorKind::kInvalid, "no count: " + base::Escape(word));
  return number;
}

class Reading {
 public:
  explicit Reading(std::string directory) : directory_(std::move(directory)) {}

  void ReadState() {
    const auto state = ReadWord(directory_, "operstate");
    if (state) {
      output_.Add("operstate", *state);
    } else {
      Missed("operstate", state.error());
    }
    auto carrier = ReadWord(directory_, "carrier");
    // The kernel does not say it of a link that is down.
    if (!carrier && carrier.error().os_errno == EINVAL && state && *state == "down") carrier = "0";
    if (carrier && *carrier != "0" && *carrier != "1") {
      carrier = base::Fail(base::ErrorKind::kInvalid, "neither 0 nor 1: " + base::Escape(*carrier));
    }
    if (carrier) {
      output_.Add("carrier", *carrier);
    } else {
      Missed("carrier", carrier.error());
    }
  }
  void ReadCounters() {
    for (const Counter& counter : kCounters) {
      const auto number = ReadNumber(directory_, counter.file);
      if (number) {
        output_.Add(counter.member, *number);
      } else {
        Missed(counter.file, number.error());
      }
    }
  }
  std::string TakeOutput() { return output_.Take(); }
  const std::string& failures() const { return failures_; }

 private:
  void Missed(std::string_view file, const base::Error& error) {
    failures_.append(failures_.empty() ? "" : "; ").append(file).append(": ").append(error.message);
  }
  std::string directory_, failures_;
  event::Object output_;
};

}  // namespace

event::Draft TapLinkProbe::Sample(const base::Clock& clock) {
  const bool is_name = IsInterfaceName(target_.iface);
  const std::string iface = is_name ? target_.iface : base::Escape(target_.iface);
  const std::string directory = target_.root + "/" + iface;
  event::Object inputs;
  inputs.Add("iface", iface).Add("sysfs", directory);
  event::HostReading sample{.source = "host.tap_link",
                            .inputs = inputs.Take(),
                            .output = "{}",
                            .received_at = {},
                            .spec_signature_hash = target_.spec_signature_hash};
  if (is_name) {
    Reading reading(directory);
    reading.ReadState();
    reading.ReadCounters();
    sample.output = reading.TakeOutput();
    if (!reading.failures().empty()) sample.sample_error = reading.failures();
  } else {
    sample.sample_error = "not the name of an interface: " + iface;
  }
  sample.received_at = clock.Wall();
  return *event::HostProbeEvent(cell_, sample);
}

}  // namespace probe
