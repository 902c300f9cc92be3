// SPDX-License-Identifier: Apache-2.0
// Documents and facts that plan tests start from.
#pragma once

#include <string>
#include <vector>

#include "plan/plan.h"

namespace plan::test {

inline spec::CellDocument Document() {
  spec::CellDocument document;
  document.api_version = "cellos.io/v1";
  document.kind = "ExecutionCell";
  document.spec.id = "job";
  document.spec.lifetime.ttl_seconds = 60;
  document.spec.run = spec::RunSpec{.argv = {"/usr/bin/true"}, .secret_delivery = spec::SecretDelivery::kEnv};
  return document;
}

inline Settings SettingsOfTest() { return Settings{.run_id = "run-1"}; }

inline base::HostFacts Facts() {
  base::HostFacts facts;
  facts.kernel = "6.1.0";
  facts.arch = "x86_64";
  facts.boot_id = "b";
  facts.uid = facts.gid = 1234;
  facts.cpus = 2;
  facts.root_links = {{"bin", "usr/bin"}, {"lib", "usr/lib"}, {"lib64", "usr/lib64"}, {"sbin", "usr/sbin"}};
  facts.etc_entries = {{"ld.so.cache", "/etc/ld.so.cache"}, {"localtime", "/usr/share/zoneinfo/Etc/UTC"}};
  facts.cgroup.why_not = "nothing is delegated";
  return facts;
}

inline base::CgroupFacts V2() {
  return {.hierarchy = base::CgroupHierarchy::kV2,
          .parents = {{"", "/sys/fs/cgroup/x"}},
          .controllers = {"memory", "cpu", "pids"},
          .limits_swap = true};
}

inline base::CgroupFacts V1() {
  return {.hierarchy = base::CgroupHierarchy::kV1,
          .parents = {{"memory", "/c/memory"}, {"cpu", "/c/cpu"}, {"cpuacct", "/c/cpu"}, {"pids", "/c/pids"}},
          .controllers = {"memory", "cpu", "cpuacct", "pids"},
          .limits_swap = true};
}

inline base::ResolvedPath Directory(std::string path, std::uint64_t inode) {
  return {.asked = path, .canonical = path, .device = 1, .inode = inode, .kind = base::FileKind::kDirectory};
}

inline void Grant(spec::CellDocument& document, std::vector<spec::PathGrant> readable,
                  std::vector<spec::PathGrant> writable) {
  document.spec.authority.filesystem =
      spec::FilesystemAuthority{.grant = spec::FilesystemGrant{std::move(readable), std::move(writable)}};
}

}  // namespace plan::test
