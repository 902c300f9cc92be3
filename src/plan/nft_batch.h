// SPDX-License-Identifier: Apache-2.0
// One nf_tables transaction: a table of family inet, its sets, chains and rules.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plan {

struct NftRuleBytes {
  const char* chain;
  std::string expressions;  // of NftRule
};

enum class NftHook : std::uint32_t { kInput = 1, kOutput = 3 };   // NF_INET_LOCAL_IN, NF_INET_LOCAL_OUT
enum class NftPolicy : std::uint32_t { kDrop = 0, kAccept = 1 };  // NF_DROP, NF_ACCEPT

struct NftChain {
  const char* name;
  const char* type;
  NftHook hook;
  std::int32_t priority;
  NftPolicy policy;
};

class NftBatch {
 public:
  explicit NftBatch(std::string_view table);
  void PortSet(std::string_view name, const std::vector<std::uint16_t>& ports);
  void PortMap(std::string_view name, const std::vector<std::pair<std::uint16_t, std::uint16_t>>& pairs);
  void Chain(const NftChain& chain);
  // The rules in order (at least one), and the end of the transaction. Only the last rule asks for an acknowledgement.
  std::string Finish(const std::vector<NftRuleBytes>& rules) &&;

 private:
  void Set(std::string_view name, bool is_map);
  void Message(std::uint16_t type, std::uint16_t flags, const class Attributes& attributes);

  std::string table_, bytes_;
  std::uint32_t sequence_ = 0, sets_ = 0;
};

}  // namespace plan
