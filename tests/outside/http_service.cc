// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "services.h"

namespace outside {
namespace {

// Keeps what was read past what was asked for.
class Reader {
 public:
  explicit Reader(Stream* stream) : stream_(stream) {}
  bool Until(std::string_view mark, std::string* text) {
    for (;;) {
      if (const auto at = held_.find(mark); at != held_.npos) {
        *text = held_.substr(0, at + mark.size());
        held_.erase(0, text->size());
        return true;
      }
      if (held_.size() > 65536 || !More()) return false;
    }
  }
  bool Exactly(std::size_t size) {
    while (held_.size() < size) {
      if (!More()) return false;
    }
    held_.erase(0, size);
    return true;
  }
  std::string TakeHeld() { return std::exchange(held_, {}); }
  bool Starts(std::string_view text) {
    while (held_.size() < text.size() && text.starts_with(held_)) {
      if (!More()) return false;
    }
    return held_.starts_with(text);
  }

 private:
  bool More() {
    char buffer[16384];
    const long count = stream_->Read(buffer, sizeof buffer);
    if (count > 0) held_.append(buffer, static_cast<std::size_t>(count));
    return count > 0;
  }
  Stream* stream_;
  std::string held_;
};

std::string Field(const std::string& head, const std::string& name) {
  const std::string lower = Lower(head);
  const auto at = lower.find("\r\n" + name + ":");
  if (at == lower.npos) return {};
  auto begin = at + name.size() + 3;
  while (head[begin] == ' ') ++begin;
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

bool SkipBody(Reader* reader, const std::string& head) {
  if (Lower(Field(head, "transfer-encoding")) == "chunked") {
    for (std::string line; reader->Until("\r\n", &line);) {
      const std::size_t size = std::strtoul(line.c_str(), nullptr, 16);
      if (!reader->Exactly(size + 2)) return false;
      if (size == 0) return true;
    }
    return false;
  }
  const std::string length = Field(head, "content-length");
  return length.empty() || reader->Exactly(std::strtoul(length.c_str(), nullptr, 10));
}

void Echo(Stream* stream, std::string first) {
  if (!first.empty() && !stream->Write(first)) return;
  std::string buffer(256 << 10, '\0');
  for (long count; (count = stream->Read(buffer.data(), buffer.size())) > 0;) {
    if (!stream->Write(buffer.substr(0, static_cast<std::size_t>(count)))) return;
  }
}

// False: the connection is at its end.
bool Respond(Stream* stream, Reader* reader, const std::string& target) {
  if (target == "/upgrade") {
    if (stream->Write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n"))
      Echo(stream, reader->TakeHeld());
    return false;
  }
  if (target == "/stream") {
    if (!stream->Write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")) return false;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < end && stream->Write("data: " + std::string(1000, 'x') + "\n\n"))
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return false;
  }
  if (target == "/chunked")
    return stream->Write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello\n\r\n0\r\n\r\n");
  if (target.starts_with("/redirect?")) {
    return stream->Write("HTTP/1.1 302 Found\r\nLocation: http://" + target.substr(10) +
                         "/\r\nContent-Length: 0\r\n\r\n");
  }
  return stream->Write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n");
}

}  // namespace

void ServeHttp(Connection* connection, Stream* stream) {
  Reader reader(stream);
  if (reader.Starts("PRI * HTTP/2.0")) {
    if (!stream->Write(std::string("\0\0\0\4\0\0\0\0\0", 9))) return;
    char buffer[16384];
    while (stream->Read(buffer, sizeof buffer) > 0) {
    }
    return;
  }
  for (std::string head; reader.Until("\r\n\r\n", &head);) {
    const auto space = head.find(' '), second = head.find(' ', space + 1);
    const std::string target = head.substr(space + 1, second - space - 1);
    connection->Note([&](Seen& seen) { seen.requests.push_back(head.substr(0, second) + " " + Field(head, "host")); });
    if (!SkipBody(&reader, head) || !Respond(stream, &reader, target)) return;
  }
}

}  // namespace outside
