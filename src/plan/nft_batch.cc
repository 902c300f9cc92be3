// SPDX-License-Identifier: Apache-2.0
// Messages of nfnetlink(7) and nf_tables.
#include "plan/nft_batch.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "plan/netlink_writer.h"
#include "plan/nft_table.h"

namespace plan {
namespace {

constexpr std::uint32_t kPortType = 13;          // nft's number of inet_service
constexpr std::size_t kMaxElementBytes = 48000;  // of one message: an attribute's length has 16 bits

std::string Fixed(std::uint8_t family, std::uint16_t resource) {
  nfgenmsg fixed = {};
  fixed.nfgen_family = family;
  fixed.version = NFNETLINK_V0;
  fixed.res_id = htons(resource);
  return {reinterpret_cast<const char*>(&fixed), sizeof fixed};
}

Attributes Data(std::uint16_t value) { return Attributes().Put16(NFTA_DATA_VALUE, value); }

}  // namespace

NftBatch::NftBatch(std::string_view table) : table_(table) {
  AppendMessage(&bytes_, NFNL_MSG_BATCH_BEGIN, NLM_F_REQUEST, sequence_++, Fixed(AF_UNSPEC, NFNL_SUBSYS_NFTABLES), {});
  Message(NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL,
          Attributes().PutText(NFTA_TABLE_NAME, table_).Put32(NFTA_TABLE_FLAGS, 0));
}

void NftBatch::Message(std::uint16_t type, std::uint16_t flags, const Attributes& attributes) {
  AppendMessage(&bytes_, static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type),
                static_cast<std::uint16_t>(NLM_F_REQUEST | flags), sequence_++, Fixed(NFPROTO_INET, 0), attributes);
}

void NftBatch::Set(std::string_view name, bool is_map) {
  Attributes set;
  set.PutText(NFTA_SET_TABLE, table_).PutText(NFTA_SET_NAME, name).Put32(NFTA_SET_FLAGS, is_map ? NFT_SET_MAP : 0);
  set.Put32(NFTA_SET_KEY_TYPE, kPortType).Put32(NFTA_SET_KEY_LEN, sizeof(std::uint16_t));
  if (is_map) set.Put32(NFTA_SET_DATA_TYPE, kPortType).Put32(NFTA_SET_DATA_LEN, sizeof(std::uint16_t));
  Message(NFT_MSG_NEWSET, NLM_F_CREATE, set.Put32(NFTA_SET_ID, ++sets_));
}

void NftBatch::PortSet(std::string_view name, const std::vector<std::uint16_t>& ports) {
  Set(name, false);
  Attributes elements;
  const auto flush = [&] {
    Message(NFT_MSG_NEWSETELEM, NLM_F_CREATE,
            Attributes()
                .PutText(NFTA_SET_ELEM_LIST_TABLE, table_)
                .PutText(NFTA_SET_ELEM_LIST_SET, name)
                .PutNested(NFTA_SET_ELEM_LIST_ELEMENTS, elements));
    elements = {};
  };
  for (const std::uint16_t port : ports) {
    elements.PutNested(NFTA_LIST_ELEM, Attributes().PutNested(NFTA_SET_ELEM_KEY, Data(port)));
    if (elements.bytes().size() > kMaxElementBytes) flush();
  }
  if (!elements.bytes().empty()) flush();
}

void NftBatch::PortMap(std::string_view name, const std::vector<std::pair<std::uint16_t, std::uint16_t>>& pairs) {
  Set(name, true);
  Attributes elements;
  for (const auto& [from, to] : pairs) {
    elements.PutNested(NFTA_LIST_ELEM,
                       Attributes().PutNested(NFTA_SET_ELEM_KEY, Data(from)).PutNested(NFTA_SET_ELEM_DATA, Data(to)));
  }
  Message(NFT_MSG_NEWSETELEM, NLM_F_CREATE,
          Attributes()
              .PutText(NFTA_SET_ELEM_LIST_TABLE, table_)
              .PutText(NFTA_SET_ELEM_LIST_SET, name)
              .PutNested(NFTA_SET_ELEM_LIST_ELEMENTS, elements));
}

void NftBatch::Chain(const NftChain& chain) {
  const Attributes hook = Attributes()
                              .Put32(NFTA_HOOK_HOOKNUM, static_cast<std::uint32_t>(chain.hook))
                              .Put32(NFTA_HOOK_PRIORITY, static_cast<std::uint32_t>(chain.priority));
  Message(NFT_MSG_NEWCHAIN, NLM_F_CREATE,
          Attributes()
              .PutText(NFTA_CHAIN_TABLE, table_)
              .PutText(NFTA_CHAIN_NAME, chain.name)
              .PutNested(NFTA_CHAIN_HOOK, hook)
              .Put32(NFTA_CHAIN_POLICY, static_cast<std::uint32_t>(chain.policy))
              .PutText(NFTA_CHAIN_TYPE, chain.type));
}

std::string NftBatch::Finish(const std::vector<NftRuleBytes>& rules) && {
  for (const NftRuleBytes& rule : rules) {
    const bool last = &rule == &rules.back();
    if (last) sequence_ = kNftLastSequence;
    Message(NFT_MSG_NEWRULE, static_cast<std::uint16_t>(NLM_F_CREATE | NLM_F_APPEND | (last ? NLM_F_ACK : 0)),
            Attributes()
                .PutText(NFTA_RULE_TABLE, table_)
                .PutText(NFTA_RULE_CHAIN, rule.chain)
                .PutNested(NFTA_RULE_EXPRESSIONS, Attributes().Append(rule.expressions)));
  }
  AppendMessage(&bytes_, NFNL_MSG_BATCH_END, NLM_F_REQUEST, sequence_, Fixed(AF_UNSPEC, NFNL_SUBSYS_NFTABLES), {});
  return std::move(bytes_);
}

}  // namespace plan
