// HTTP/1.1 requests over keep-alive connections on one thread: closed loop, or open loop at a given rate.
//
// generator HOST PORT CLIENTS SECONDS RATE FILE...
//   RATE 0: every client sends its next request when it has its answer. Otherwise: arrivals are a Poisson process of so
//   many a second, whoever is idle takes the oldest one, and its time counts from its arrival.
//   FILEs hold whole requests, headers included; they are sent in turn.
// Prints one line of JSON: answers, errors, seconds, statuses, latency quantiles in milliseconds.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <strings.h>
#include <vector>

using Clock = std::chrono::steady_clock;

static double now() { return std::chrono::duration<double>(Clock::now().time_since_epoch()).count(); }

struct Client {
  int fd = -1;
  bool busy = false;
  double since = 0.0;          // when the request under way arrived
  const std::string* request = nullptr;
  size_t sent = 0;
  std::string answer;
  size_t wanted = 0;           // length of the whole answer, once its headers are there
};

static sockaddr_in address;
static int poll_fd;

static bool open_client(Client& client) {
  client.fd = socket(AF_INET, SOCK_STREAM, 0);
  int one = 1;
  setsockopt(client.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(client.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return false;
  fcntl(client.fd, F_SETFL, fcntl(client.fd, F_GETFL) | O_NONBLOCK);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = &client;
  return epoll_ctl(poll_fd, EPOLL_CTL_ADD, client.fd, &event) == 0;
}

static void watch_writing(Client& client, bool writing) {
  epoll_event event{};
  event.events = EPOLLIN | (writing ? EPOLLOUT : 0u);
  event.data.ptr = &client;
  epoll_ctl(poll_fd, EPOLL_CTL_MOD, client.fd, &event);
}

static bool send_rest(Client& client) {
  while (client.sent < client.request->size()) {
    ssize_t count = send(client.fd, client.request->data() + client.sent, client.request->size() - client.sent, MSG_NOSIGNAL);
    if (count < 0) {
      if (errno != EAGAIN) return false;
      watch_writing(client, true);
      return true;
    }
    client.sent += static_cast<size_t>(count);
  }
  watch_writing(client, false);
  return true;
}

// Length of the whole answer, 0 as long as its headers are not there.
static size_t length_of(const std::string& answer) {
  size_t end = answer.find("\r\n\r\n");
  if (end == std::string::npos) return 0;
  size_t length = 0;
  for (size_t line = answer.find("\r\n") + 2; line < end; line = answer.find("\r\n", line) + 2)
    if (strncasecmp(answer.data() + line, "content-length:", 15) == 0) length = std::strtoul(answer.data() + line + 15, nullptr, 10);
  return end + 4 + length;
}

int main(int count, char** words) {
  if (count < 7) return 2;
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(words[2])));
  inet_pton(AF_INET, words[1], &address.sin_addr);
  const size_t clients = std::strtoul(words[3], nullptr, 10);
  const double seconds = std::atof(words[4]), rate = std::atof(words[5]);
  std::vector<std::string> requests;
  for (int i = 6; i < count; ++i) {
    std::ifstream file(words[i], std::ios::binary);
    requests.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  poll_fd = epoll_create1(0);
  std::vector<Client> all(clients);
  size_t errors = 0, next = 0;
  for (Client& client : all)
    if (!open_client(client)) { std::fprintf(stderr, "no connection\n"); return 1; }

  std::vector<float> taken;
  std::map<int, size_t> statuses;
  std::deque<double> arrivals;
  std::vector<Client*> idle;
  std::mt19937_64 random(1);
  std::exponential_distribution<double> gap(rate > 0 ? rate : 1.0);

  auto begin = [&](Client& client, double arrived) {
    client.busy = true;
    client.since = arrived;
    client.request = &requests[next++ % requests.size()];
    client.sent = client.wanted = 0;
    client.answer.clear();
    if (!send_rest(client)) ++errors;
  };

  const double start = now(), warm = std::min(0.5, 0.2 * seconds), stop = start + warm + seconds;
  double upcoming = start, counted_from = start + warm;
  if (rate > 0) for (Client& client : all) idle.push_back(&client);
  else for (Client& client : all) begin(client, now());
  size_t under_way = rate > 0 ? 0 : clients;
  std::vector<epoll_event> events(std::max<size_t>(clients, 1));
  std::vector<char> buffer(1 << 18);
  while (true) {
    double time = now();
    if (rate > 0) {
      while (upcoming <= time && upcoming < stop) { arrivals.push_back(upcoming); upcoming += gap(random); }
      while (!arrivals.empty() && !idle.empty()) {
        Client* client = idle.back();
        idle.pop_back();
        begin(*client, arrivals.front());
        arrivals.pop_front();
        ++under_way;
      }
    }
    if (time >= stop && (under_way == 0 || time >= stop + 30.0)) break;
    int wait = 100;
    if (rate > 0 && upcoming < stop) wait = static_cast<int>(std::max(0.0, 1e3 * (upcoming - now())));
    int ready = epoll_wait(poll_fd, events.data(), static_cast<int>(events.size()), wait);
    for (int i = 0; i < ready; ++i) {
      Client& client = *static_cast<Client*>(events[i].data.ptr);
      if ((events[i].events & EPOLLOUT) && client.busy) send_rest(client);
      if (!(events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))) continue;
      ssize_t got = recv(client.fd, buffer.data(), buffer.size(), 0);
      if (got < 0 && errno == EAGAIN) continue;
      if (got <= 0) {
        close(client.fd);
        if (client.busy) { ++errors; --under_way; client.busy = false; }
        if (!open_client(client)) { ++errors; continue; }
        if (now() < stop && rate == 0) { begin(client, now()); ++under_way; }
        else if (rate > 0) idle.push_back(&client);
        continue;
      }
      client.answer.append(buffer.data(), static_cast<size_t>(got));
      if (client.wanted == 0) client.wanted = length_of(client.answer);
      if (client.wanted == 0 || client.answer.size() < client.wanted || !client.busy) continue;
      double done = now();
      int status = std::atoi(client.answer.c_str() + 9);
      if (client.since >= counted_from) { taken.push_back(static_cast<float>(1e3 * (done - client.since))); ++statuses[status]; }
      client.busy = false;
      --under_way;
      if (rate > 0) idle.push_back(&client);
      else if (done < stop) { begin(client, done); ++under_way; }
    }
  }
  std::sort(taken.begin(), taken.end());
  auto quantile = [&](double q) { return taken.empty() ? NAN : taken[static_cast<size_t>(q * (taken.size() - 1))]; };
  std::printf("{\"answers\": %zu, \"errors\": %zu, \"seconds\": %.4f, \"p50\": %.4f, \"p90\": %.4f, \"p99\": %.4f, \"worst\": %.4f, \"statuses\": {",
              taken.size(), errors, seconds, quantile(0.5), quantile(0.9), quantile(0.99), quantile(1.0));
  const char* between = "";
  for (auto [status, times] : statuses) { std::printf("%s\"%d\": %zu", between, status, times); between = ", "; }
  std::printf("}}\n");
  return 0;
}
