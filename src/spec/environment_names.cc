// SPDX-License-Identifier: Apache-2.0
// The table of refused variables.
#include "spec/environment_names.h"

#include <algorithm>

#include "spec/primitives.h"

namespace spec {
namespace {

struct Hook {
  std::string_view name;  // with a '*' at the end: every name that starts like this
  std::string_view who;
};

// Read before the program's first line: loaders (ld.so(8)), C library hooks, shells, interpreters.
constexpr Hook kHooks[] = {
    {"LD_*", "the dynamic loader"},
    {"GCONV_PATH", "iconv(3), loads code"},
    {"GETCONF_DIR", "getconf(1), runs code"},
    {"GLIBC_TUNABLES", "the C library's start"},
    {"HOSTALIASES", "name look-up"},
    {"LOCALDOMAIN", "name look-up"},
    {"LOCPATH", "locale files"},
    {"MALLOC_*", "the C library's allocator"},
    {"NIS_PATH", "name look-up"},
    {"NLSPATH", "message catalogues"},
    {"RES_OPTIONS", "name look-up"},
    {"RESOLV_*", "name look-up"},
    {"TZDIR", "time zone files"},
    {"ENV", "sh(1), runs a script"},
    {"BASH_ENV", "bash(1), runs a script"},
    {"BASH_FUNC_*", "bash(1), defines functions"},
    {"BASHOPTS", "bash(1)"},
    {"SHELLOPTS", "bash(1)"},
    {"IFS", "the shell's word splitting"},
    {"PS4", "bash(1), expanded while tracing"},
    {"PROMPT_COMMAND", "bash(1), runs a command"},
    {"CDPATH", "the shell's cd"},
    {"GLOBIGNORE", "bash(1)"},
    {"ZDOTDIR", "zsh(1), runs a script"},
    {"PERL5OPT", "perl(1), runs code"},
    {"PERL5LIB", "perl(1), loads code"},
    {"PERLLIB", "perl(1), loads code"},
    {"PERL5DB", "perl(1), runs code"},
    {"PYTHONSTARTUP", "python(1), runs a script"},
    {"PYTHONHOME", "python(1), loads code"},
    {"PYTHONPATH", "python(1), loads code"},
    {"PYTHONINSPECT", "python(1)"},
    {"RUBYOPT", "ruby(1), loads code"},
    {"RUBYLIB", "ruby(1), loads code"},
    {"NODE_OPTIONS", "node(1), loads code"},
    {"NODE_PATH", "node(1), loads code"},
    {"JAVA_TOOL_OPTIONS", "java(1), loads code"},
    {"_JAVA_OPTIONS", "java(1), loads code"},
    {"JDK_JAVA_OPTIONS", "java(1), loads code"},
};

constexpr std::string_view kOwn = "CELLOS_";
constexpr std::string_view kCellVariables[] = {"PATH", "HOME", "TMPDIR"};

bool IsHook(std::string_view name) {
  return std::any_of(std::begin(kHooks), std::end(kHooks), [&](const Hook& hook) {
    return hook.name.ends_with('*') ? name.starts_with(hook.name.substr(0, hook.name.size() - 1)) : name == hook.name;
  });
}

bool IsVariableName(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  if (name.empty() || !letter(name[0])) return false;
  return std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

}  // namespace

std::string_view WhyNameRefused(std::string_view name) {
  if (!IsVariableName(name)) return "[A-Za-z_][A-Za-z0-9_]*";
  if (name.starts_with(kOwn)) return "a name that does not start with CELLOS_: those are the supervisor's";
  if (IsHook(name)) return "a name that no loader, shell or interpreter runs code by";
  return {};
}

std::string_view WhySecretNameRefused(std::string_view name) {
  // Portable ids may hold '.' and '-', which are no variable names for a shell but are for execve(2).
  if (name.contains('=') || name.contains('\0')) return "a name without '=' and U+0000";
  if (name.starts_with(kOwn)) return "a name that does not start with CELLOS_: those are the supervisor's";
  if (IsHook(name)) return "a name that no loader, shell or interpreter runs code by";
  if (std::find(std::begin(kCellVariables), std::end(kCellVariables), name) != std::end(kCellVariables)) {
    return "a name that does not replace PATH, HOME or TMPDIR of the cell";
  }
  return {};
}

std::string FoldSecretName(std::string_view name) {
  std::string folded;
  for (const char c : name) {
    folded += c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
  }
  return folded;
}

}  // namespace spec
