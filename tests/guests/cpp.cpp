// cpp: what the C++ library needs of the system: threads, locks, exceptions in them, streams, files.
#include <algorithm>
#include <atomic>
#include <fstream>
#include <future>
#include <iostream>
#include <map>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <vector>

int main() {
	std::mutex m;
	std::atomic<int> n{0};
	std::vector<std::thread> all;
	for (int i = 0; i < 4; i++)
		all.emplace_back([&] {
			for (int j = 0; j < 1000; j++) {
				std::lock_guard<std::mutex> g(m);
				n++;
			}
		});
	for (auto &t : all)
		t.join();
	std::cout << n << " " << std::async(std::launch::async, [] { return 42; }).get() << std::endl;
	std::thread([] {
		try {
			throw std::runtime_error("in a thread");
		} catch (const std::exception &e) {
			std::cout << "caught " << e.what() << "\n";
		}
	}).join();
	auto f = std::async(std::launch::async, []() -> int { throw std::out_of_range("through a future"); });
	try {
		f.get();
	} catch (const std::exception &e) {
		std::cout << "caught " << e.what() << "\n";
	}
	std::vector<int> v;
	for (int i = 0; i < 1000; i++)
		v.push_back(i * 7919 % 1000);
	std::sort(v.begin(), v.end());
	std::map<std::string, int> words{{"two", 2}, {"one", v[1]}};
	{
		std::ofstream out("lines.txt");
		for (auto &w : words)
			out << w.first << " " << w.second << "\n";
	}
	std::ifstream in("lines.txt");
	for (std::string line; std::getline(in, line);)
		std::cout << line << "|";
	in.close();
	std::remove("lines.txt");
	std::ostringstream s;
	s << 3.14159 << " " << std::hex << 255;
	std::cout << s.str() << std::endl;
	return 6;
}
