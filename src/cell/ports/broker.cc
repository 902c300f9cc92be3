// SPDX-License-Identifier: Apache-2.0
// The environment and file brokers, and the mapping from names to variables.
#include "cell/ports/broker.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdlib>
#include <cstring>
#include <set>
#include <utility>
#include <vector>

#include "base/encoding.h"
#include "sys/file.h"

namespace cell {
namespace {

constexpr std::string_view kValuePrefix = "CELLOS_SECRET_";
constexpr std::string_view kFilePrefix = "CELLOS_SECRET_FILE_";

std::string Quoted(std::string_view text) { return "\"" + base::Escape(text) + "\""; }

base::Result<> CheckKey(std::string_view key) {
  if (!key.empty() && key.find('=') == key.npos && key.find('\0') == key.npos) return {};
  return base::Fail(base::ErrorKind::kInvalid,
                    "secret key " + Quoted(key) + " is not usable: it must not be empty nor hold '=' or NUL");
}

base::Result<> CheckValue(const SecretValue& value, std::string_view key) {
  if (value.view().empty()) {
    return base::Fail(base::ErrorKind::kInvalid, "the value of secret key " + Quoted(key) + " is empty");
  }
  if (value.view().find('\0') != std::string_view::npos) {
    return base::Fail(base::ErrorKind::kInvalid,
                      "the value of secret key " + Quoted(key) + " holds NUL, which no environment can carry");
  }
  return {};
}

// One broker for both kinds: a key's own source goes before the mapping of the broker that was named.
class LocalBroker final : public SecretBroker {
 public:
  LocalBroker(bool from_files, BrokerSettings settings) : from_files_(from_files), settings_(std::move(settings)) {}

  std::string_view name() const override { return from_files_ ? "file" : "env"; }

  base::Result<SecretValue> Resolve(std::string_view key, std::string_view, std::chrono::seconds) override {
    TRY(CheckKey(key));
    const auto source = settings_.sources.find(std::string(key));
    const bool named = source != settings_.sources.end() && !source->second.key.empty();
    const bool file = source != settings_.sources.end() ? source->second.broker == "file" : from_files_;
    auto value = !file   ? FromVariable(named ? source->second.key : SecretVariable(kValuePrefix, key), key)
                 : named ? FromFile(source->second.key, key)
                         : FromFileVariable(key);
    if (!value) return value;
    TRY(CheckValue(*value, key));
    return value;
  }

  void ForgetSources() override {
    for (const auto& variable : read_) {
      if (settings_.environment) continue;
      if (char* text = std::getenv(variable.c_str())) explicit_bzero(text, std::strlen(text));
      ::unsetenv(variable.c_str());
    }
    read_.clear();
  }

  base::Result<bool> RevokeForCell(std::string_view) override { return false; }

 private:
  const char* Environment(const std::string& name) const {
    return settings_.environment ? settings_.environment(name.c_str()) : std::getenv(name.c_str());
  }

  base::Result<SecretValue> FromVariable(const std::string& variable, std::string_view key) {
    const char* text = Environment(variable);
    if (text == nullptr) {
      return base::Fail(base::ErrorKind::kNotFound,
                        "env var " + base::Escape(variable) + " not set (required for secret key " + Quoted(key) + ")");
    }
    read_.insert(variable);
    return SecretValue::Copy(text);
  }

  base::Result<SecretValue> FromFileVariable(std::string_view key) {
    const auto variable = SecretVariable(kFilePrefix, key);
    const char* path = Environment(variable);
    if (path == nullptr) {
      return base::Fail(base::ErrorKind::kNotFound, "env var " + base::Escape(variable) +
                                                        " not set (no file path configured for secret key " +
                                                        Quoted(key) + ")");
    }
    return FromFile(path, key);
  }

  base::Result<SecretValue> FromFile(const std::string& path, std::string_view key) {
    const auto context = "read secret file for key " + Quoted(key) + " at " + Quoted(path);
    const auto fd = TRY_WITH(context, sys::OpenAt2(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0,
                                                   RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS));
    const auto status = TRY_WITH(context, sys::Fstat(fd.get()));
    if (!S_ISREG(status.st_mode)) {
      return base::Fail(base::ErrorKind::kInvalid, context + ": it is no regular file");
    }
    auto value = TRY_WITH(context, SecretValue::ReadFrom(fd.get()));
    if (!base::IsUtf8(value.view())) return base::Fail(base::ErrorKind::kInvalid, context + ": it is not UTF-8");
    if (value.view().ends_with('\n')) value.DropLast(1);
    return value;
  }

  const bool from_files_;
  BrokerSettings settings_;
  std::set<std::string> read_;
};

}  // namespace

base::Result<SecretSource> ParseSecretSource(std::string_view text) {
  const auto colon = text.find(':');
  const auto kind = text.substr(0, colon);
  const auto location = colon == text.npos ? std::string_view() : text.substr(colon + 1);
  if ((kind != "env" && kind != "file") || location.empty() || location.find('\0') != location.npos ||
      (kind == "env" && location.find('=') != location.npos)) {
    return base::Fail(base::ErrorKind::kInvalid,
                      Quoted(text) + " is no source of a secret; allowed are env:VARIABLE and file:PATH");
  }
  return SecretSource{std::string(kind), std::string(location)};
}

base::Result<std::unique_ptr<SecretBroker>> MakeBroker(std::string_view name, BrokerSettings settings) {
  if (name != "env" && name != "file") {
    return base::Fail(base::ErrorKind::kInvalid,
                      "secret broker " + Quoted(name) + " does not exist; there are env and file (CELLOS_BROKER)");
  }
  return std::make_unique<LocalBroker>(name == "file", std::move(settings));
}

std::string_view BrokerOf(std::string_view key, std::string_view broker, const BrokerSettings& settings) {
  const auto source = settings.sources.find(std::string(key));
  return source == settings.sources.end() ? broker : std::string_view(source->second.broker);
}

std::string SecretVariable(std::string_view prefix, std::string_view key) {
  std::string variable(prefix);
  for (const char c : key) variable += c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return variable;
}

base::Result<> CheckSecretNames(std::span<const std::string> names) {
  std::map<std::string, std::string_view> folded;
  for (const auto& name : names) {
    TRY(CheckKey(name));
    const auto [place, is_new] = folded.emplace(SecretVariable(kValuePrefix, name), name);
    if (!is_new) {
      return base::Fail(base::ErrorKind::kInvalid, "secrets " + Quoted(place->second) + " and " + Quoted(name) +
                                                       " both map to " + base::Escape(place->first) +
                                                       "; give them names that differ");
    }
  }
  return {};
}

}  // namespace cell
