// SPDX-License-Identifier: Apache-2.0
// Path text.
#include "plan/paths.h"

#include <climits>

namespace plan {

std::optional<std::string> CleanPath(std::string_view path) {
  if (!path.starts_with('/') || path.size() >= PATH_MAX || path.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  std::string clean;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view part = path.substr(0, path.find('/'));
    path.remove_prefix(part.size());
    if (part == "..") return std::nullopt;
    if (!part.empty() && part != ".") clean.append("/").append(part);
  }
  return clean.empty() ? "/" : clean;
}

std::optional<std::string_view> Below(std::string_view path, std::string_view above) {
  if (above == "/") return path.substr(1);
  if (!path.starts_with(above)) return std::nullopt;
  path.remove_prefix(above.size());
  if (path.empty()) return path;
  if (path.front() != '/') return std::nullopt;
  return path.substr(1);
}

std::string Join(std::string_view directory, std::string_view rest) {
  std::string path(directory);
  if (rest.empty()) return path;
  if (path != "/") path += '/';
  return path.append(rest);
}

std::string_view Parent(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string_view::npos ? std::string_view("/") : path.substr(0, slash);
}

}  // namespace plan
