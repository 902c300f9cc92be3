// SPDX-License-Identifier: Apache-2.0
// Netlink over a descriptor that somebody else opened.
#include "net/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <memory>

#include "sys/call.h"
#include "sys/poll.h"

namespace net {
namespace {

// A list comes in packets of at most 32 KiB; a refused message comes back whole.
constexpr std::size_t kListBytes = 64 << 10, kAckBytes = 256 << 10, kMaxAnswerBytes = 64 << 20;
constexpr std::chrono::milliseconds kPatience{5000};

base::Result<> Send(int socket, std::string_view bytes) {
  sockaddr_nl kernel = {};
  kernel.nl_family = AF_NETLINK;
  const long sent = sys::Raw("sendto", SYS_sendto, socket, bytes.data(), bytes.size(), 0, &kernel, sizeof kernel);
  if (sent < 0) return std::unexpected(sys::CallError(sent, "sendto", "netlink"));
  return {};
}

// Memory that nothing has touched: only what an answer fills costs a page.
class Buffer {
 public:
  explicit Buffer(std::size_t size) : bytes_(std::make_unique_for_overwrite<char[]>(size)), size_(size) {}
  std::span<char> all() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_;
};

// What has come; the kernel answers while it is asked, so a wait is the exception.
base::Result<std::string_view> Receive(int socket, std::span<char> buffer) {
  const auto receive = [&] {
    return sys::Raw("recvfrom", SYS_recvfrom, socket, buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_TRUNC, nullptr,
                    nullptr);
  };
  long count = receive();
  if (count == -EAGAIN) {
    pollfd wait = {socket, POLLIN, 0};
    if (TRY(sys::Poll({&wait, 1}, kPatience)) == 0) {
      return base::Fail(base::ErrorKind::kDeadline, "netlink: the kernel did not answer");
    }
    count = receive();
  }
  if (count < 0) return std::unexpected(sys::CallError(count, "recvfrom", "netlink"));
  if (static_cast<std::size_t>(count) > buffer.size()) {
    return base::Fail(base::ErrorKind::kLimit, "netlink: an answer is larger than expected");
  }
  return std::string_view(buffer.data(), static_cast<std::size_t>(count));
}

int ErrorOf(const Message& message) {
  int error = -EBADMSG;
  if (message.body.size() >= sizeof error) memcpy(&error, message.body.data(), sizeof error);
  return error;
}

std::uint32_t LastSequence(std::string_view messages, bool acknowledged) {
  std::uint32_t last = 0;
  ForEachMessage(messages, [&](const Message& message) {
    if (!acknowledged || (message.flags & NLM_F_ACK) != 0) last = message.sequence;
  });
  return last;
}

}  // namespace

std::optional<Attribute> TakeAttribute(std::string_view* bytes) {
  nlattr header;
  if (bytes->size() < sizeof header) return std::nullopt;
  memcpy(&header, bytes->data(), sizeof header);
  if (header.nla_len < sizeof header || header.nla_len > bytes->size()) return std::nullopt;
  const Attribute attribute{static_cast<std::uint16_t>(header.nla_type & NLA_TYPE_MASK),
                            bytes->substr(sizeof header, header.nla_len - sizeof header)};
  bytes->remove_prefix(std::min<std::size_t>(NLA_ALIGN(header.nla_len), bytes->size()));
  return attribute;
}

std::optional<std::string_view> FindAttribute(std::string_view bytes, std::uint16_t type) {
  std::optional<std::string_view> found;
  ForEachAttribute(bytes, [&](const Attribute& attribute) {
    if (attribute.type == type) found = attribute.value;
  });
  return found;
}

std::optional<std::uint64_t> BigEndianNumber(std::string_view bytes) {
  if (bytes.size() != 1 && bytes.size() != 2 && bytes.size() != 4 && bytes.size() != 8) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

std::string HexOf(std::string_view bytes) {
  std::string text;
  AppendHex(&text, bytes);
  return text;
}

void AppendHex(std::string* text, std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (const char c : bytes) {
    text->push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    text->push_back(kDigits[static_cast<unsigned char>(c) & 15]);
  }
}

std::string_view TextOf(std::string_view bytes) { return bytes.substr(0, bytes.find('\0')); }

std::optional<Message> TakeMessage(std::string_view* bytes) {
  nlmsghdr header;
  if (bytes->size() < sizeof header) return std::nullopt;
  memcpy(&header, bytes->data(), sizeof header);
  if (header.nlmsg_len < sizeof header || header.nlmsg_len > bytes->size()) return std::nullopt;
  const Message message{header.nlmsg_type, header.nlmsg_flags, header.nlmsg_seq,
                        bytes->substr(sizeof header, header.nlmsg_len - sizeof header)};
  bytes->remove_prefix(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), bytes->size()));
  return message;
}

base::Result<> Dump(int socket, std::string_view request, std::string* answer) {
  TRY(Send(socket, request));
  const std::uint32_t sequence = LastSequence(request, false);
  const Buffer buffer(kListBytes);
  for (bool done = false; !done;) {
    const std::string_view bytes = TRY(Receive(socket, buffer.all()));
    int error = 0;
    const bool whole = ForEachMessage(bytes, [&](const Message& message) {
      if (message.sequence != sequence) return;  // of an earlier request that was given up
      if (message.type == NLMSG_ERROR) error = ErrorOf(message);
      if (message.type == NLMSG_DONE || message.type == NLMSG_ERROR) done = true;
      if ((message.flags & NLM_F_DUMP_INTR) != 0) error = -EAGAIN;
      if (!done) {
        const std::size_t length = sizeof(nlmsghdr) + message.body.size();
        answer->append(message.body.data() - sizeof(nlmsghdr), length).append((4 - length % 4) % 4, '\0');
      }
    });
    if (!whole) return base::Fail(base::ErrorKind::kInternal, "netlink: an answer that is no list of messages");
    if (error != 0) return std::unexpected(sys::CallError(error, "netlink", "list"));
    if (answer->size() > kMaxAnswerBytes) return base::Fail(base::ErrorKind::kLimit, "netlink: the answer has no end");
  }
  return {};
}

base::Result<> SendAndAwait(int socket, std::string_view messages) {
  const std::uint32_t last = LastSequence(messages, true);
  const int room = static_cast<int>(messages.size() + kAckBytes);
  sys::Raw("setsockopt", SYS_setsockopt, socket, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  TRY(Send(socket, messages));
  const Buffer buffer(kAckBytes);
  for (bool done = false; !done;) {
    const std::string_view bytes = TRY(Receive(socket, buffer.all()));
    int error = 0;
    const bool whole = ForEachMessage(bytes, [&](const Message& message) {
      if (message.type != NLMSG_ERROR || error != 0) return;
      error = ErrorOf(message);
      done = done || message.sequence == last;
    });
    if (!whole) return base::Fail(base::ErrorKind::kInternal, "netlink: an answer that is no list of messages");
    if (error != 0) return std::unexpected(sys::CallError(error, "netlink", "request"));
  }
  return {};
}

}  // namespace net
