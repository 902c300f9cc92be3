// SPDX-License-Identifier: Apache-2.0
// The three places that settings come from.
#include "cli/settings.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "base/encoding.h"
#include "cell/control_files.h"
#include "cell/state/state_dir.h"
#include "cli/build_document.h"
#include "json/reader.h"

namespace cli {
namespace {

using cell::Settings;

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\v\f";
  const auto first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

bool OneOf(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

std::unexpected<base::Error> Bad(std::string_view variable, std::string_view text, std::string_view allowed) {
  return base::Fail(base::ErrorKind::kInvalid, std::string(variable) + " is \"" + base::Escape(text) +
                                                   "\"; allowed is " + std::string(allowed));
}

std::vector<std::string> SplitList(std::string_view text, std::string_view separators) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto cut = std::min(text.find_first_of(separators), text.size());
    if (const auto part = Trim(text.substr(0, cut)); !part.empty()) parts.emplace_back(part);
    text.remove_prefix(std::min(cut + 1, text.size()));
  }
  return parts;
}

template <class T>
void Store(const SettingRow& row, T value, AllSettings& settings) {
  if (const auto* member = std::get_if<T Settings::*>(&row.target)) settings.cell.*(*member) = std::move(value);
}

base::Result<> StoreText(const SettingRow& row, std::string_view text, AllSettings& settings) {
  if (const auto* member = std::get_if<std::string AllSettings::*>(&row.target)) {
    settings.*(*member) = text;
  } else {
    Store(row, std::string(text), settings);
  }
  return {};
}

base::Result<> StoreSwitch(const SettingRow& row, std::string_view text, AllSettings& settings) {
  const auto word = Lower(Trim(text));
  const bool truthy = OneOf(word, {"1", "true", "yes", "on"});
  const bool falsy = OneOf(word, {"0", "false", "no", "off"});
  switch (row.style) {
    case Style::kPresence:
      if (falsy || word.empty()) return Bad(row.variable, text, "any value to switch it on; leave it unset for off");
      Store(row, true, settings);
      return {};
    case Style::kExactlyOne:
      Store(row, text == "1", settings);
      return {};
    default:
      if (word.empty()) return {};
      if (!truthy && !falsy) return Bad(row.variable, text, "1, true, yes, on, 0, false, no or off");
      Store(row, truthy, settings);
      return {};
  }
}

base::Result<> StoreNumber(const SettingRow& row, std::string_view text, AllSettings& settings) {
  const auto word = Trim(text);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  const bool narrow = std::holds_alternative<std::uint32_t Settings::*>(row.target);
  if (error != std::errc() || end != word.data() + word.size() || value == 0 || (narrow && value > 0xffffffff)) {
    return Bad(row.variable, text, narrow ? "a whole number from 1 to 4294967295" : "a whole number of at least 1");
  }
  if (narrow) {
    Store(row, static_cast<std::uint32_t>(value), settings);
  } else {
    Store(row, value, settings);
  }
  return {};
}

base::Result<> StoreProfile(const SettingRow& row, std::string_view text, AllSettings& settings) {
  const auto word = Lower(text);
  if (word == "hardened") {
    settings.cell.profile = cell::Profile::kHardened;
    settings.cell.require_derivation = settings.cell.require_telemetry = settings.cell.strict_config = true;
  } else if (word == "portable") {
    settings.cell.profile = cell::Profile::kPortable;
  } else {
    return Bad(row.variable, text, "hardened or portable");
  }
  return {};
}

base::Result<> StoreUnsupported(const SettingRow& row, std::string_view text) {
  if (OneOf(Lower(Trim(text)), {"", "0", "false", "no", "off"})) return {};
  return base::Fail(base::ErrorKind::kInvalid, std::string(row.variable) + " is set, but what it demands is not part of "
                                                   "this build; unset it if you can do without");
}

base::Result<> Apply(const SettingRow& row, std::string_view text, AllSettings& settings) {
  if (text.empty() && row.style != Style::kPresence && row.style != Style::kTextOrEmpty) return {};
  switch (row.style) {
    case Style::kText: return StoreText(row, text, settings);
    case Style::kTextOrEmpty: Store(row, std::optional(std::string(text)), settings); return {};
    case Style::kList: Store(row, SplitList(text, ","), settings); return {};
    case Style::kPathList: Store(row, SplitList(text, ",\n"), settings); return {};
    case Style::kNumber: return StoreNumber(row, text, settings);
    case Style::kProfile: return StoreProfile(row, text, settings);
    case Style::kUnsupported: return StoreUnsupported(row, text);
    case Style::kEventsForm:
      if (!OneOf(text, {"published", "log"})) return Bad(row.variable, text, "published or log");
      settings.cell.events_form = text == "log" ? cell::EventsForm::kLog : cell::EventsForm::kPublished;
      return {};
    case Style::kBroker:
      if (!OneOf(text, {"env", "file"})) return Bad(row.variable, text, "env or file");
      return StoreText(row, text, settings);
    case Style::kBackend:
      // Known backends that this build lacks are refused at admission, with evidence.
      if (!OneOf(text, {"native", "proprietary", "firecracker", "gvisor", "qemu"})) {
        return Bad(row.variable, text, "native");
      }
      return StoreText(row, text == "proprietary" ? "native" : text, settings);
    default: return StoreSwitch(row, text, settings);
  }
}

const SettingRow* RowOfVariable(std::string_view variable) {
  const auto rows = SettingTable();
  const auto row = std::ranges::find(rows, variable, &SettingRow::variable);
  return row == rows.end() ? nullptr : &*row;
}

// A member of the file: a string as the variable would hold it, or the JSON kind that says the same.
base::Result<std::string> TextOf(const json::Member& member) {
  switch (member.value.kind()) {
    case json::Kind::kString: return std::string(member.value.string());
    case json::Kind::kUint: return std::to_string(member.value.unsigned_integer());
    case json::Kind::kBool: return std::string(member.value.boolean() ? "1" : "0");
    default:
      return base::Fail(base::ErrorKind::kInvalid,
                        "/" + base::Escape(member.name) + ": allowed is a string, a whole number, true or false");
  }
}

base::Result<> ApplyFile(const std::string& path, AllSettings& settings) {
  const auto text = TRY(cell::ReadControlFile(path, "configuration"));
  const auto tree = json::Parse(text);
  const auto what = "configuration " + base::Escape(path);
  if (!tree) return std::unexpected(json::ToError(tree.error(), what));
  if (!tree->root().is_object()) return base::Fail(base::ErrorKind::kInvalid, what + ": it must be one JSON object");
  for (const auto& member : tree->root().object()) {
    const auto* row = RowOfVariable(member.name);
    if (row == nullptr) {
      return base::Fail(base::ErrorKind::kInvalid, what + ": /" + base::Escape(member.name) + " is no setting");
    }
    const auto value = TRY_WITH(what, TextOf(member));
    // A file can say false where a variable can only be absent.
    if (row->style == Style::kPresence && member.value.kind() == json::Kind::kBool && !member.value.boolean()) continue;
    TRY_WITH(what, Apply(*row, value, settings));
  }
  return {};
}

std::string DefaultConfigPath(std::uint32_t uid, const Environment& environment) {
  if (uid == 0) return "/etc/cellos/config.json";
  const char* base = environment("XDG_CONFIG_HOME");
  if (base != nullptr && *base == '/') return std::string(base) + "/cellos/config.json";
  const char* home = environment("HOME");
  return home != nullptr && *home == '/' ? std::string(home) + "/.config/cellos/config.json" : std::string();
}

base::Result<> ApplyConfiguration(std::uint32_t uid, const Environment& environment, AllSettings& settings) {
  const char* named = environment("CELLOS_CONFIG");
  if (named != nullptr && *named != '\0') return ApplyFile(named, settings);
  const auto path = DefaultConfigPath(uid, environment);
  if (path.empty()) return {};
  auto applied = ApplyFile(path, settings);
  if (!applied && applied.error().kind == base::ErrorKind::kNotFound) return {};
  return applied;
}

base::Result<> ApplyOptions(const Options& options, AllSettings& settings) {
  auto& cell = settings.cell;
  if (options.state_dir) settings.state_dir = *options.state_dir;
  if (options.backend) TRY_WITH("--backend", ApplySetting("CELLOS_CELL_BACKEND", *options.backend, settings));
  if (options.policy) cell.policy_pack_path = *options.policy;
  if (options.events) cell.events_path = *options.events;
  cell.sign_with_deployment_key = options.sign_events;
  cell.durable = options.durable;
  if (options.events_form) {
    TRY(Apply({"--events-form", Style::kEventsForm, {}, {}}, *options.events_form, settings));
  }
  if (options.if_policy) {
    const auto& text = *options.if_policy;
    const auto digest = text.starts_with("sha256:") ? base::HexDecode(std::string_view(text).substr(7)) : std::nullopt;
    if (!digest || digest->size() != 32) return Bad("--if-policy", text, "sha256: and 64 lower-case hex digits");
    cell.if_policy = text;
  }
  if (cell.sign_with_deployment_key && cell.events_path.empty()) {
    return base::Fail(base::ErrorKind::kInvalid, "--sign-events needs --events FILE");
  }
  cell.secret_sources = TRY(SecretSources(options));
  return {};
}

}  // namespace

base::Result<> ApplySetting(std::string_view variable, std::string_view text, AllSettings& settings) {
  const auto* row = RowOfVariable(variable);
  if (row == nullptr) return base::Fail(base::ErrorKind::kInvalid, base::Escape(variable) + " is no setting");
  return Apply(*row, text, settings);
}

base::Result<AllSettings> LoadSettings(const Options& options, std::uint32_t uid, const Environment& environment) {
  AllSettings settings;
  TRY(ApplyConfiguration(uid, environment, settings));
  for (const auto& row : SettingTable()) {
    const char* text = environment(std::string(row.variable).c_str());
    if (text != nullptr) TRY(Apply(row, text, settings));
  }
  TRY(ApplyOptions(options, settings));
  if (settings.cell.profile == cell::Profile::kHardened) {
    // The profile overrides a switch that would let tokens without scope in.
    settings.cell.require_scoped_tokens = true;
    if (settings.cell.authority_keys_path.empty()) {
      return base::Fail(base::ErrorKind::kInvalid,
                        "CELLOS_DEPLOYMENT_PROFILE is hardened, which needs CELLOS_AUTHORITY_KEYS_PATH");
    }
  }
  return settings;
}

base::Result<std::string> StatePath(const AllSettings& settings, std::uint32_t uid, const Environment& environment) {
  if (!settings.state_dir.empty()) return settings.state_dir;
  return cell::DefaultStatePath(uid, environment);
}

}  // namespace cli
