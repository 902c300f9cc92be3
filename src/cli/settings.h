// SPDX-License-Identifier: Apache-2.0
// Settings from the configuration file, variables and options: one table, a variable wins over the file, an option over
// both (documents.md §6, extensions.md §6).
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "cell/settings.h"
#include "cli/options.h"

namespace cli {

// How the text of a variable is understood.
enum class Style : std::uint8_t {
  kText,             // empty counts as unset
  kTextOrEmpty,      // empty does not
  kList,             // comma separated, blanks around entries dropped
  kPathList,         // comma or newline separated
  kNumber,           // decimal, at least 1
  kTruthy,           // 1 true yes on | 0 false no off, trimmed, any letter case
  kOnUnlessFalsy,    // the same words; on when unset
  kPresence,         // being set means on; a falsy or empty value is refused, since it would not mean off
  kExactlyOne,       // on only as "1"
  kEventsForm,
  kProfile,
  kBroker,
  kBackend,
  kUnsupported,      // a demand that this build can't meet: an error when it asks for anything
};

// What `run` and the others need besides the document.
struct AllSettings {
  cell::Settings cell;
  std::string state_dir;     // CELLOS_STATE_DIR, --state-dir; empty: the default place
};

struct SettingRow {
  std::string_view variable;
  Style style;
  std::variant<std::monostate, std::string cell::Settings::*, std::optional<std::string> cell::Settings::*,
               bool cell::Settings::*,
               std::vector<std::string> cell::Settings::*, std::uint64_t cell::Settings::*,
               std::uint32_t cell::Settings::*, std::string AllSettings::*>
      target;
  std::string_view meaning;  // for the reference page
};
std::span<const SettingRow> SettingTable();
// docs/reference/settings.md, made from the table.
std::string SettingsPage();

using Environment = std::function<const char*(const char* name)>;

// File, then variables, then options. kInvalid names the setting at fault and what is allowed.
base::Result<AllSettings> LoadSettings(const Options& options, std::uint32_t uid, const Environment& environment);

// Applies the text of one variable; exposed for tests.
base::Result<> ApplySetting(std::string_view variable, std::string_view text, AllSettings& settings);

// Opens the state directory of the settings, or the default one.
base::Result<std::string> StatePath(const AllSettings& settings, std::uint32_t uid, const Environment& environment);

}  // namespace cli
