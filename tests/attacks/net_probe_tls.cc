// SPDX-License-Identifier: Apache-2.0
// ClientHellos of every shape, written by hand; and one real client that shows a certificate.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <unistd.h>

#include "net_probe.h"

namespace net_probe {
namespace {

std::string Vector16(const std::string& body) { return Big16(static_cast<unsigned>(body.size())) + body; }
std::string Extension(unsigned type, const std::string& body) { return Big16(type) + Vector16(body); }
std::string ServerName(const std::string& name, char type = 0) { return type + Vector16(name); }

std::string ServerNames(const std::string& shape, const std::string& name, const std::string& other) {
  if (shape == "none") return {};
  if (shape == "two-names") return Extension(0, Vector16(ServerName(name) + ServerName(other)));
  if (shape == "two-lists") return Extension(0, Vector16(ServerName(name))) + Extension(0, Vector16(ServerName(other)));
  if (shape == "other-type") return Extension(0, Vector16(ServerName(name, 1)));
  if (shape == "empty") return Extension(0, Vector16(ServerName("")));
  if (shape == "lying-name")
    return Extension(0, Vector16('\0' + Big16(static_cast<unsigned>(name.size()) + 40) + name));
  if (shape == "lying-list") return Extension(0, Big16(static_cast<unsigned>(name.size()) + 99) + ServerName(name));
  return Extension(0, Vector16(ServerName(name)));
}

std::string Hello(const std::string& shape, const std::string& name, const std::string& other) {
  std::string random(64, 'r');
  for (char& c : random) c = static_cast<char>(rand());
  std::string extensions = ServerNames(shape, name, other);
  extensions += Extension(10, Vector16(Big16(29) + Big16(23)));  // x25519, P-256
  extensions += Extension(11, std::string("\1\0", 2));
  extensions += Extension(13, Vector16(Big16(0x0403) + Big16(0x0804) + Big16(0x0401)));
  extensions += Extension(16, Vector16(std::string("\x08http/1.1")));
  extensions += Extension(43, std::string("\4\3\4\3\3", 5));  // TLS 1.3, 1.2
  extensions += Extension(51, Vector16(Big16(29) + Vector16(random.substr(0, 32))));
  if (shape == "ech") {
    extensions += Extension(
        0xfe0d, std::string("\0\0\1\0\1\x2a", 6) + Vector16(random.substr(0, 32)) + Vector16(random + random));
  }
  if (shape == "lying-extensions") extensions += Big16(21) + Big16(500) + "x";
  std::string body = Big16(0x0303) + random.substr(0, 32) + '\x20' + random.substr(32) +
                     Vector16(Big16(0x1301) + Big16(0xc02b) + Big16(0xc02f)) + std::string("\1\0", 2) +
                     Vector16(extensions);
  if (shape == "lying-hello") body.resize(body.size() / 2);
  const std::size_t size = shape == "lying-hello" ? 60000 : body.size();
  return std::string("\1\0", 2) + Big16(static_cast<unsigned>(size)) + body;
}

// The handshake message in `records` TLS records.
std::string Records(const std::string& message, int records) {
  std::string out;
  const std::size_t part = (message.size() + static_cast<std::size_t>(records) - 1) / static_cast<std::size_t>(records);
  for (std::size_t at = 0; at < message.size(); at += part)
    out += std::string("\x16\3\1", 3) + Vector16(message.substr(at, part));
  return out;
}

std::string TellRecords(std::string_view bytes) {
  std::string told;
  while (bytes.size() >= 7) {
    const std::size_t size = static_cast<unsigned char>(bytes[3]) << 8 | static_cast<unsigned char>(bytes[4]);
    if (bytes[0] == 0x15) told += (told.empty() ? "" : "+") + ("alert:" + std::to_string(static_cast<int>(bytes[6])));
    if (bytes[0] == 0x16 && bytes[5] == 2 && told.empty()) told = "serverhello";
    bytes.remove_prefix(std::min(bytes.size(), 5 + size));
  }
  return told;
}

}  // namespace

std::string Tls(const Words& words) {
  std::string why;
  const int fd = Dial(To(words[0], words[1]), SOCK_STREAM, &why);
  if (fd < 0) return why;
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const std::string name = Percent(Option(words, "sni"));
  std::string bytes =
      Records(Hello(Option(words, "shape"), name, Percent(Option(words, "other"))), Number(words, "records", 1));
  const std::size_t edge = Has(words, "edge") ? bytes.find(name) + name.size() / 2 : 0;
  const std::size_t step = Has(words, "split") ? 1 : edge != 0 ? edge : bytes.size();
  std::string_view rest = bytes;
  while (rest.size() > step && SendAll(fd, rest.substr(0, step))) {
    rest.remove_prefix(step);
    usleep(step == 1 ? 200 : 20'000);
  }
  const Got got = SendAndRead(fd, rest, Number(words, "wait", 3000), 6);
  std::string told;
  if (got.end.empty()) {
    // A first record is there; of a server's it is all that is asked, of an alert also what follows.
    const bool alert = got.bytes[0] == 0x15;
    const Got more = ReadFor(fd, alert ? 1500 : 300, alert ? 65536 : 1);
    told = TellRecords(got.bytes + more.bytes + std::string(alert ? 0 : 8, '\0'));
    if (alert) told += "+" + more.end;
  } else {
    told = got.end;
  }
  close(fd);
  return told.empty() ? "data:" + Shown(got.bytes) : told;
}

namespace {

bool UseOwnCertificate(SSL_CTX* context) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 7);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
  X509_set_version(certificate, 2);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("inside"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  return X509_sign(certificate, key, EVP_sha256()) != 0 && SSL_CTX_use_certificate(context, certificate) == 1 &&
         SSL_CTX_use_PrivateKey(context, key) == 1;
}

}  // namespace

std::string TlsReal(const Words& words) {
  std::string why;
  const Endpoint to = To(words[0], words[1]);
  const int fd = socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, to.get(), to.size) != 0) return "not-connected";
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  if (context == nullptr || !UseOwnCertificate(context)) return "no-certificate";
  SSL* tls = SSL_new(context);
  SSL_set_fd(tls, fd);
  SSL_set_tlsext_host_name(tls, words[2].c_str());
  if (SSL_connect(tls) != 1) return "no-handshake";
  // The pinned name: whose certificate answers, the server's own or somebody's in between.
  char common[256] = {};
  X509* certificate = SSL_get1_peer_certificate(tls);
  if (certificate != nullptr)
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, common, 256);
  const std::string request = "GET / HTTP/1.1\r\nHost: " + words[2] + "\r\n\r\n";
  SSL_write(tls, request.data(), static_cast<int>(request.size()));
  char buffer[4096];
  const int count = SSL_read(tls, buffer, sizeof buffer);
  return "peer:" + Shown(common) + "+" + Shown({buffer, count > 12 ? 12u : 0u});
}

}  // namespace net_probe
