// SPDX-License-Identifier: Apache-2.0
// nf_tables read back.
#include "net/table.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <string.h>

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "net/netlink.h"
#include "net/rule_text.h"

namespace net {
namespace {

constexpr std::size_t kFixed = sizeof(nfgenmsg);

std::string Request(std::uint16_t type, std::uint8_t family, std::string_view attributes) {
  static std::uint32_t sequence = 1;
  nlmsghdr header = {};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + kFixed + attributes.size());
  header.nlmsg_type = static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type);
  header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  header.nlmsg_seq = ++sequence;
  nfgenmsg fixed = {};
  fixed.nfgen_family = family;
  fixed.version = NFNETLINK_V0;
  std::string request(reinterpret_cast<const char*>(&header), sizeof header);
  return request.append(reinterpret_cast<const char*>(&fixed), sizeof fixed).append(attributes);
}

std::string TextAttribute(std::uint16_t type, std::string_view text) {
  const nlattr header = {static_cast<std::uint16_t>(sizeof header + text.size() + 1), type};
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  bytes.append(text).push_back('\0');
  bytes.append((4 - bytes.size() % 4) % 4, '\0');
  return bytes;
}

std::string_view Text(std::string_view attributes, std::uint16_t type) {
  return TextOf(FindAttribute(attributes, type).value_or(""));
}

std::uint64_t Number(std::string_view attributes, std::uint16_t type) {
  return BigEndianNumber(FindAttribute(attributes, type).value_or("")).value_or(0);
}

// Everything that decides, in an order of its own.
class Canonical {
 public:
  void Add(const Message& message) {
    if (message.type >> 8 != NFNL_SUBSYS_NFTABLES || message.body.size() < kFixed) return;
    const auto family = static_cast<unsigned char>(message.body[0]);
    const std::string_view attributes = message.body.substr(kFixed);
    switch (message.type & 0xff) {
      case NFT_MSG_NEWTABLE: tables_.insert(fmt::format("{} {}", family, Text(attributes, NFTA_TABLE_NAME))); break;
      case NFT_MSG_NEWSET: AddSet(attributes); break;
      case NFT_MSG_NEWSETELEM: AddElements(attributes); break;
      case NFT_MSG_NEWCHAIN: AddChain(attributes); break;
      case NFT_MSG_NEWRULE: AddRule(attributes); break;
      default: break;
    }
  }

  std::string Take() const {
    std::string text;
    for (const std::string& table : tables_) text += fmt::format("table {}\n", table);
    for (const auto& [name, set] : sets_) {
      text += fmt::format("set {} {} {{", name, set.form);
      for (const std::string& element : set.elements) text += " " + element;
      text += " }\n";
    }
    for (const auto& [name, chain] : chains_) {
      text.append("chain ").append(name).append(" ").append(chain.form).append("\n").append(chain.rules);
    }
    return text;
  }

 private:
  struct Set {
    std::string form;
    std::set<std::string> elements;
  };
  struct Chain {
    std::string form, rules;
  };

  static std::string NameIn(std::string_view attributes, std::uint16_t table, std::uint16_t name) {
    return std::string(Text(attributes, table)).append("/").append(Text(attributes, name));
  }

  void AddSet(std::string_view attributes) {
    sets_[NameIn(attributes, NFTA_SET_TABLE, NFTA_SET_NAME)].form =
        fmt::format("flags {} key {} data {}", Number(attributes, NFTA_SET_FLAGS), Number(attributes, NFTA_SET_KEY_LEN),
                    Number(attributes, NFTA_SET_DATA_LEN));
  }

  void AddElements(std::string_view attributes) {
    Set& set = sets_[NameIn(attributes, NFTA_SET_ELEM_LIST_TABLE, NFTA_SET_ELEM_LIST_SET)];
    const auto list = FindAttribute(attributes, NFTA_SET_ELEM_LIST_ELEMENTS);
    ForEachAttribute(list.value_or(""), [&set](const Attribute& element) {
      const auto hex = [&](std::uint16_t type) {
        const auto data = FindAttribute(element.value, type);
        return data ? HexOf(FindAttribute(*data, NFTA_DATA_VALUE).value_or("")) : std::string();
      };
      const std::string value = hex(NFTA_SET_ELEM_DATA);
      set.elements.insert(value.empty() ? hex(NFTA_SET_ELEM_KEY) : hex(NFTA_SET_ELEM_KEY) + ":" + value);
    });
  }

  void AddChain(std::string_view attributes) {
    const std::string_view hook = FindAttribute(attributes, NFTA_CHAIN_HOOK).value_or("");
    chains_[NameIn(attributes, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME)].form =
        fmt::format("{} hook {} priority {} policy {}", Text(attributes, NFTA_CHAIN_TYPE), Number(hook, NFTA_HOOK_HOOKNUM),
                    static_cast<std::int32_t>(Number(hook, NFTA_HOOK_PRIORITY)), Number(attributes, NFTA_CHAIN_POLICY));
  }

  void AddRule(std::string_view attributes) {
    std::string& rules = chains_[NameIn(attributes, NFTA_RULE_TABLE, NFTA_RULE_CHAIN)].rules;
    rules += "  ";
    AppendCanonical(&rules, FindAttribute(attributes, NFTA_RULE_EXPRESSIONS).value_or(""));
    rules += "\n";
  }

  std::set<std::string> tables_;
  std::map<std::string, Set> sets_;
  std::map<std::string, Chain> chains_;
};

// Of every family: nobody else's table goes unseen.
base::Result<std::string> ReadAll(int socket) {
  std::string all;
  for (const std::uint16_t type : {NFT_MSG_GETTABLE, NFT_MSG_GETCHAIN, NFT_MSG_GETSET, NFT_MSG_GETRULE}) {
    TRY(Dump(socket, Request(type, NFPROTO_UNSPEC, {}), &all));
  }
  struct SetName {
    std::uint8_t family;
    std::string table, name;
  };
  std::vector<SetName> sets;
  ForEachMessage(all, [&sets](const Message& message) {
    if ((message.type & 0xff) != NFT_MSG_NEWSET || message.body.size() < kFixed) return;
    const std::string_view attributes = message.body.substr(kFixed);
    sets.push_back({static_cast<std::uint8_t>(message.body[0]), std::string(Text(attributes, NFTA_SET_TABLE)),
                    std::string(Text(attributes, NFTA_SET_NAME))});
  });
  for (const auto& [family, table, name] : sets) {
    const std::string which =
        TextAttribute(NFTA_SET_ELEM_LIST_TABLE, table) + TextAttribute(NFTA_SET_ELEM_LIST_SET, name);
    TRY(Dump(socket, Request(NFT_MSG_GETSETELEM, family, which), &all));
  }
  return all;
}

RuleReading Read(std::string_view attributes) {
  RuleReading rule;
  rule.chain = Text(attributes, NFTA_RULE_CHAIN);
  rule.handle = Number(attributes, NFTA_RULE_HANDLE);
  const std::string_view expressions = FindAttribute(attributes, NFTA_RULE_EXPRESSIONS).value_or("");
  ReadCounter(expressions, &rule.packets, &rule.bytes);
  rule.repr = EqualityText(expressions);
  return rule;
}

}  // namespace

base::Result<std::string> CanonicalRules(std::string_view messages) {
  Canonical canonical;
  if (!ForEachMessage(messages, [&](const Message& message) { canonical.Add(message); })) {
    return base::Fail(base::ErrorKind::kInvalid, "netfilter: bytes that are no list of messages");
  }
  return canonical.Take();
}

base::Result<TableReading> ReadTable(int socket, std::string_view table) {
  const std::string all = TRY_WITH("reading the rules of the cell", ReadAll(socket));
  TableReading reading;
  bool found = false;
  ForEachMessage(all, [&](const Message& message) {
    if (message.body.size() < kFixed) return;
    const std::string_view attributes = message.body.substr(kFixed);
    const int type = message.type & 0xff;
    found = found || (type == NFT_MSG_NEWTABLE && Text(attributes, NFTA_TABLE_NAME) == table);
    if (type == NFT_MSG_NEWRULE && Text(attributes, NFTA_RULE_TABLE) == table) reading.rules.push_back(Read(attributes));
  });
  if (!found) return base::Fail(base::ErrorKind::kNotFound, fmt::format("the cell has no table {}", table));
  reading.canonical = TRY(CanonicalRules(all));
  return reading;
}

base::Result<TableReading> ReadCounters(int socket, std::string_view table) {
  std::string rules;
  TRY_WITH("reading the counters of the cell",
           Dump(socket, Request(NFT_MSG_GETRULE, NFPROTO_INET, TextAttribute(NFTA_RULE_TABLE, table)), &rules));
  TableReading reading;
  ForEachMessage(rules, [&](const Message& message) {
    if ((message.type & 0xff) != NFT_MSG_NEWRULE || message.body.size() < kFixed) return;
    const std::string_view attributes = message.body.substr(kFixed);
    if (Text(attributes, NFTA_RULE_TABLE) == table) reading.rules.push_back(Read(attributes));
  });
  if (reading.rules.empty()) {
    return base::Fail(base::ErrorKind::kNotFound, fmt::format("the cell has no rule in table {}", table));
  }
  return reading;
}

base::Result<std::vector<RowCount>> CountRows(const plan::NetworkPlan& network, const TableReading& reading) {
  std::vector<RowCount> counts;
  std::map<std::string, std::vector<const RuleReading*>> by_chain;
  for (const RuleReading& rule : reading.rules) by_chain[rule.chain].push_back(&rule);
  std::map<std::string, std::size_t> next;
  for (const plan::NftRow& row : network.rows) {
    const auto& rules = by_chain[row.chain];
    const std::size_t at = next[row.chain]++;
    if (at < rules.size()) counts.push_back({rules[at]->packets, rules[at]->bytes});
  }
  if (counts.size() != network.rows.size() || reading.rules.size() != network.rows.size()) {
    return base::Fail(base::ErrorKind::kUnavailable,
                      fmt::format("the cell has {} rules where its plan has {}", reading.rules.size(), network.rows.size()));
  }
  return counts;
}

}  // namespace net
