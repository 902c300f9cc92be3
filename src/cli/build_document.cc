// SPDX-License-Identifier: Apache-2.0
// Writing the document: members in declaration order, only what was asked for.
#include "cli/build_document.h"

#include <limits.h>
#include <stdlib.h>

#include <utility>
#include <vector>

#include "base/encoding.h"
#include "cell/ports/broker.h"
#include "cli/network_values.h"
#include "cli/values.h"
#include "json/reader.h"
#include "json/writer.h"
#include "plan/telemetry.h"

namespace cli {
namespace {

constexpr std::uint64_t kDefaultTtlSeconds = 3600;
constexpr std::string_view kDefaultId = "cell";

std::string Quoted(std::string_view text) { return "\"" + base::Escape(text) + "\""; }

std::unexpected<base::Error> Bad(std::string_view option, std::string_view value, std::string_view why) {
  return base::Fail(base::ErrorKind::kInvalid, std::string(option) + " " + Quoted(value) + ": " + std::string(why));
}

// NAME=REST; the name may not be empty.
base::Result<std::pair<std::string, std::string>> Split(std::string_view option, const std::string& text,
                                                        std::string_view form) {
  const auto equals = text.find('=');
  if (equals == text.npos || equals == 0) return Bad(option, text, "allowed is " + std::string(form));
  return std::pair(text.substr(0, equals), text.substr(equals + 1));
}

struct Grant {
  std::string source, target;
};

// SRC[:DST]: the colon before an absolute path divides; a path may hold others.
base::Result<Grant> ParseGrant(std::string_view option, const std::string& text) {
  auto colon = text.rfind(":/");
  std::string source = text.substr(0, colon);
  std::string target = colon == text.npos ? std::string() : text.substr(colon + 1);
  if (source.empty()) return Bad(option, text, "allowed is SRC or SRC:DST, DST an absolute path");
  char resolved[PATH_MAX];
  if (::realpath(source.c_str(), resolved) == nullptr) {
    return std::unexpected(base::OsError(errno, std::string(option) + " " + Quoted(source)));
  }
  if (target.empty()) target = resolved;
  return Grant{resolved, target};
}

base::Result<std::vector<Grant>> ParseGrants(std::string_view option, const Options::List& texts) {
  std::vector<Grant> grants;
  for (const auto& text : texts) grants.push_back(TRY(ParseGrant(option, text)));
  return grants;
}

base::Result<> CheckUtf8(const Options& options) {
  const auto check = [](std::string_view what, const std::string& text) -> base::Result<> {
    if (base::IsUtf8(text)) return {};
    return Bad(what, text, "it is not UTF-8, which a document has to be");
  };
  for (std::size_t i = 0; i < options.argv.size(); ++i) {
    TRY(check("argument " + std::to_string(i) + " of the command", options.argv[i]));
  }
  for (const auto& row : OptionTable()) {
    if (const auto* text = std::get_if<Options::Text Options::*>(&row.target); text && options.*(*text)) {
      TRY(check(row.name, *(options.*(*text))));
    }
    if (const auto* list = std::get_if<Options::List Options::*>(&row.target)) {
      for (const auto& entry : options.*(*list)) TRY(check(row.name, entry));
    }
  }
  return {};
}

class Builder {
 public:
  explicit Builder(const Options& options) : o_(options) {}

  base::Result<std::string> Build() {
    TRY(CheckUtf8(o_));
    w_.BeginObject().Member("apiVersion", "cellos.io/v1").Member("kind", "ExecutionCell");
    w_.Key("spec").BeginObject();
    w_.Member("id", o_.id ? std::string_view(*o_.id) : kDefaultId);
    TRY(Run());
    TRY(Authority());
    const auto ttl = o_.ttl ? TRY_WITH("--ttl", ParseWholeSeconds(*o_.ttl)) : std::chrono::seconds(kDefaultTtlSeconds);
    w_.Key("lifetime").BeginObject().Member("ttlSeconds", static_cast<std::uint64_t>(ttl.count())).EndObject();
    TRY(Exports());
    if (o_.telemetry) Telemetry();
    w_.EndObject().EndObject();
    return std::move(text_);
  }

 private:
  base::Result<> Run() {
    w_.Key("run").BeginObject().Key("argv").BeginArray();
    for (const auto& argument : o_.argv) w_.String(argument);
    w_.EndArray();
    if (o_.workdir) w_.Member("workingDirectory", *o_.workdir);
    if (o_.timeout) {
      const auto timeout = TRY_WITH("--timeout", ParseTime(*o_.timeout));
      w_.Member("timeoutMs", static_cast<std::uint64_t>(timeout.count()));
    }
    TRY(Limits());
    w_.Member("secretDelivery", "env");
    if (!o_.env.empty()) {
      w_.Key("env").BeginObject();
      for (const auto& entry : o_.env) {
        const auto [name, value] = TRY(Split("--env", entry, "NAME=VALUE"));
        w_.Member(name, value);
      }
      w_.EndObject();
    }
    if (o_.terminal) w_.Member("terminal", true);
    w_.EndObject();
    return {};
  }

  base::Result<> Limits() {
    if (!o_.memory && !o_.cpus && !o_.pids && !o_.scratch) return {};
    w_.Key("limits").BeginObject();
    if (o_.memory) w_.Member("memoryMaxBytes", TRY_WITH("--memory", ParseBytes(*o_.memory)));
    if (o_.cpus) {
      w_.Key("cpuMax").BeginObject();
      w_.Member("quotaMicros", TRY_WITH("--cpus", ParseCpuQuota(*o_.cpus)));
      w_.Member("periodMicros", std::uint64_t{100'000}).EndObject();
    }
    if (o_.pids) w_.Member("pidsMax", TRY_WITH("--pids", ParseCount(*o_.pids)));
    if (o_.scratch) w_.Member("scratchBytes", TRY_WITH("--scratch", ParseBytes(*o_.scratch)));
    w_.EndObject();
    return {};
  }

  void WriteGrants(std::string_view name, const std::vector<Grant>& grants) {
    w_.Key(name).BeginArray();
    for (const auto& grant : grants) {
      if (grant.source == grant.target) {
        w_.String(grant.source);
      } else {
        w_.BeginObject().Member("source", grant.source).Member("target", grant.target).EndObject();
      }
    }
    w_.EndArray();
  }

  base::Result<> Authority() {
    w_.Key("authority").BeginObject();
    if (!o_.read_only.empty() || !o_.read_write.empty()) {
      const auto readable = TRY(ParseGrants("--ro", o_.read_only));
      const auto writable = TRY(ParseGrants("--rw", o_.read_write));
      w_.Key("filesystem").BeginObject();
      WriteGrants("readable", readable);
      WriteGrants("writable", writable);
      w_.EndObject();
    }
    TRY(WriteRules());
    if (!o_.secrets.empty()) {
      w_.Key("secretRefs").BeginArray();
      for (const auto& secret : o_.secrets) w_.String(std::string_view(secret).substr(0, secret.find('=')));
      w_.EndArray();
    }
    TRY(WriteDns());
    w_.EndObject();
    return {};
  }

  base::Result<> WriteRules() {
    if (o_.allow.empty()) return {};
    w_.Key("egressRules").BeginArray();
    for (const auto& text : o_.allow) {
      const AllowedHost allowed = TRY_WITH("--allow", ParseAllowedHost(text));
      w_.BeginObject().Member("host", allowed.host).Member("port", std::uint64_t{allowed.port});
      if (!allowed.protocol.empty()) w_.Member("protocol", allowed.protocol);
      w_.EndObject();
      if (allowed.is_name) names_.push_back(allowed.host);
    }
    w_.EndArray();
    return {};
  }

  base::Result<> WriteDns() {
    if (names_.empty() && o_.dns_resolvers.empty()) return {};
    w_.Key("dnsAuthority").BeginObject();
    if (!o_.dns_resolvers.empty()) {
      w_.Key("resolvers").BeginArray();
      std::size_t count = 0;
      for (const auto& text : o_.dns_resolvers) {
        const ResolverAddress resolver = TRY_WITH("--dns-resolver", ParseResolver(text));
        w_.BeginObject().Member("resolverId", "resolver-" + std::to_string(++count));
        w_.Member("endpoint", resolver.endpoint).Member("protocol", resolver.protocol).EndObject();
      }
      w_.EndArray();
    }
    if (!names_.empty()) {
      w_.Key("hostnameAllowlist").BeginArray();
      for (const auto& name : names_) w_.String(name);
      w_.EndArray();
    }
    w_.EndObject();
    return {};
  }

  base::Result<> Exports() {
    if (o_.exports.empty()) return {};
    w_.Key("export").BeginObject().Key("artifacts").BeginArray();
    for (const auto& entry : o_.exports) {
      const auto [name, path] = TRY(Split("--export", entry, "NAME=PATH"));
      if (!path.starts_with('/')) return Bad("--export", entry, "PATH must be absolute, as the cell sees it");
      w_.BeginObject().Member("name", name).Member("path", path).EndObject();
    }
    w_.EndArray().EndObject();
    return {};
  }

  // What costs little and is always there: net.* needs a rule of egress; fs.inotify_fired is for documents that want it.
  void Telemetry() {
    w_.Key("telemetry").BeginObject().Member("channel", "vsock-cbor").Key("events").BeginArray();
    for (const char* event : {"process.spawned", "process.exited", "capability.denied"}) w_.String(event);
    if (!o_.allow.empty()) w_.String("net.connect_attempted");
    w_.EndArray().Member("agentVersion", plan::kAgentVersion).EndObject();
  }

  const Options& o_;
  std::vector<std::string> names_;  // of --allow, for the allowlist
  std::string text_;
  json::Writer w_{text_};
};

// Compact JSON of our own making with two blanks a level; strings are stepped over.
std::string Indent(std::string_view compact) {
  std::string out;
  out.reserve(compact.size() * 2);
  std::size_t depth = 0;
  const auto newline = [&] { out.append("\n").append(depth * 2, ' '); };
  for (std::size_t i = 0; i < compact.size(); ++i) {
    const char c = compact[i];
    if (c == '"') {
      const std::size_t start = i++;
      while (compact[i] != '"') i += compact[i] == '\\' ? 2 : 1;
      out.append(compact.substr(start, i - start + 1));
    } else if (c == '{' || c == '[') {
      out += c;
      if (compact[i + 1] == '}' || compact[i + 1] == ']') {
        out += compact[++i];
      } else {
        ++depth;
        newline();
      }
    } else if (c == '}' || c == ']') {
      --depth;
      newline();
      out += c;
    } else if (c == ',') {
      out += c;
      newline();
    } else {
      out += c;
      if (c == ':') out += ' ';
    }
  }
  return out.append("\n");
}

}  // namespace

base::Result<std::string> BuildDocument(const Options& options) {
  return Indent(TRY(Builder(options).Build()));
}

bool HasDocumentOption(const Options& options, std::string& name) {
  for (const auto& row : OptionTable()) {
    if (row.group != "The document" && row.group != "Limits") continue;
    if (row.name == "--spec" || row.name == "--print-spec" || row.name == "--secret") continue;
    const auto* flag = std::get_if<bool Options::*>(&row.target);
    const auto* text = std::get_if<Options::Text Options::*>(&row.target);
    const auto* list = std::get_if<Options::List Options::*>(&row.target);
    if ((flag && options.*(*flag)) || (text && options.*(*text)) || (list && !(options.*(*list)).empty())) {
      name = row.name;
      return true;
    }
  }
  return false;
}

base::Result<std::map<std::string, cell::SecretSource>> SecretSources(const Options& options) {
  std::map<std::string, cell::SecretSource> sources;
  for (const auto& entry : options.secrets) {
    const auto equals = entry.find('=');
    if (equals == entry.npos) {
      if (options.spec) return Bad("--secret", entry, "beside --spec it says where a secret of the document comes from: NAME=SRC");
      continue;
    }
    auto source = cell::ParseSecretSource(std::string_view(entry).substr(equals + 1));
    if (!source) return std::unexpected(std::move(source).error().With("--secret " + Quoted(entry.substr(0, equals))));
    if (equals == 0) return Bad("--secret", entry, "allowed is NAME, NAME=env:VARIABLE or NAME=file:PATH");
    if (!sources.emplace(entry.substr(0, equals), std::move(*source)).second) {
      return Bad("--secret", entry, "this secret was given a source before");
    }
  }
  return sources;
}

}  // namespace cli
