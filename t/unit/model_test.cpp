// Counting over hosts, explored exhaustively: every order of what requests,
// workers, connections and Redis can do, and what goes wrong in between.

#include "model_arena.h"

#include "unit.h"

#include "model_world_steps.h"

#include <algorithm>
#include <chrono>
#include <unordered_set>

using namespace unit;

namespace {

const char *name_of(Act act)
{
    static const char *const names[] = {"reserve", "leave", "settle",
        "settle cheaper", "give back", "carry out", "deliver", "lose", "die",
        "host dies", "fail over", "late", "late lost", "keep house"};

    return names[size_t(act)];
}

class Explorer {
public:
    explicit Explorer(const Setup &setup)
    {
        arena::clear();
        arena::enter();
        world_ = new World(setup);
        arena::leave();
    }

    // Null, or what is wrong; then path() says how it comes to that.
    const char *explore()
    {
        // Deeper than any path is long, so that the stack is bounded.
        if (path_.size() > 200) {
            return "there is no end to it";
        }
        if (!enter_state()) {
            return nullptr;
        }
        if (const char *wrong = check()) {
            return wrong;
        }

        std::vector<Step> steps;
        arena::Snapshot before;

        world_->steps(steps);

        for (Step step : steps) {
            int sends = 0;

            if (const char *wrong = follow(step, before, sends)) {
                return wrong;
            }
            if (const char *wrong = follow_crashes(step, before, sends)) {
                return wrong;
            }
        }
        return nullptr;
    }

    size_t states() const { return seen_.size(); }

    std::string path() const
    {
        std::string out;

        for (const Step &step : path_) {
            out += std::string("\n  ") + name_of(step.act) + " "
                + std::to_string(step.of) + ", variant "
                + std::to_string(step.variant) + ", crash "
                + std::to_string(step.crash);
        }
        return out;
    }

private:
    struct Key {
        uint64_t a, b;

        bool operator==(const Key &other) const
        {
            return a == other.a && b == other.b;
        }
    };
    struct KeyHash {
        size_t operator()(const Key &key) const { return key.a; }
    };

    const char *follow(const Step &step, const arena::Snapshot &before,
        int &sends)
    {
        path_.push_back(step);
        arena::enter();
        sends = world_->apply(step);
        arena::leave();

        const char *wrong = explore();

        if (wrong) {
            return wrong;
        }
        path_.pop_back();
        before.restore();
        return nullptr;
    }

    // The same step, by a worker that dies in the middle of it.
    const char *follow_crashes(Step step, const arena::Snapshot &before,
        int sends)
    {
        int none;

        if (!world_->setup.deaths
            || (step.act >= Act::carry_out && step.act != Act::deliver
                && step.act != Act::keep_house && step.act != Act::lose))
        {
            return nullptr;
        }
        for (step.crash = 1; step.crash <= 2 * sends; step.crash++) {
            if (const char *wrong = follow(step, before, none)) {
                return wrong;
            }
        }
        if (step.act == Act::settle || step.act == Act::settle_cheaper) {
            step.crash = -1;
            return follow(step, before, none);
        }
        return nullptr;
    }

    // False: it was here before.
    bool enter_state()
    {
        text_.clear();
        world_->encode(text_);

        Key key = {0xcbf29ce484222325, 0x84222325cbf29ce4};

        for (char c : text_) {
            key.a = (key.a ^ uint8_t(c)) * 0x100000001b3;
            key.b = (key.b + uint8_t(c) + 1) * 0x9e3779b97f4a7c15;
            key.b ^= key.b >> 29;
        }
        return seen_.insert(key).second;
    }

    const char *check()
    {
        if (const char *wrong = world_->check()) {
            return wrong;
        }
        if (!world_->all_over()) {
            return nullptr;
        }

        arena::Snapshot before;

        arena::enter();
        world_->settle_down();
        arena::leave();

        const char *wrong = world_->check();

        wrong = wrong ? wrong : world_->check_at_rest();
        before.restore();
        return wrong;
    }

    World                            *world_;
    std::unordered_set<Key, KeyHash>  seen_;
    std::vector<Step>                 path_;
    std::string                       text_;
};

// Up to which worker is which: all on one, on one host, on both.
using Places = std::vector<std::vector<int>>;
const Places all_places = {{0, 0, 0}, {0, 0, 1}, {0, 0, 2}, {0, 1, 2}};

void explore_all(const char *name, Setup setup,
    const Places &places = all_places)
{
    size_t states = 0;
    auto start = std::chrono::steady_clock::now();

    for (const std::vector<int> &place : places) {
        std::copy(place.begin(), place.end(), setup.worker_of);

        Explorer explorer(setup);
        const char *wrong = explorer.explore();

        if (wrong) {
            fail_msg("%s, requests at workers %d %d %d: %s%s", name, place[0],
                place[1], place[2], wrong, explorer.path().c_str());
        }
        states += explorer.states();
    }

    std::chrono::duration<double> took = std::chrono::steady_clock::now()
        - start;

    print_message("# %s: %zu states, %.1f s\n", name, states, took.count());
}

void nothing_goes_wrong(void **)
{
    for (int uses : {1, 2, 3}) {
        Setup setup;

        setup.uses = uses;
        explore_all("nothing goes wrong", setup);
        setup.is_metered = true;
        explore_all("nothing goes wrong, metered", setup);
    }
}

void a_worker_dies(void **)
{
    Setup setup;

    setup.deaths = 1;
    explore_all("a worker dies", setup);
    setup.is_metered = true;
    explore_all("a worker dies, metered", setup);
}

void two_workers_die(void **)
{
    Setup setup;

    setup.deaths = 2;
    explore_all("two die", setup);
}

void a_connection_is_lost(void **)
{
    Setup setup;

    setup.losses = 1;
    explore_all("a connection is lost", setup);
    setup.is_metered = true;
    explore_all("a connection is lost, metered", setup);
}

void two_connections_are_lost(void **)
{
    Setup setup;

    setup.losses = 2;
    explore_all("two lost", setup);
}

void a_connection_is_lost_and_a_worker_dies(void **)
{
    Setup setup;

    setup.losses = 1;
    setup.deaths = 1;
    explore_all("lost and dies", setup);
}

void a_host_dies(void **)
{
    Setup setup;

    setup.host_deaths = 1;
    explore_all("host dies", setup);
}

void redis_fails_over(void **)
{
    Setup setup;

    setup.failovers = 1;
    explore_all("failover", setup);
}

void redis_fails_over_with_replicas(void **)
{
    Setup setup;

    setup.has_replicas = true;
    setup.failovers = 1;
    explore_all("failover, WAIT", setup);
}

void redis_fails_over_with_replicas_lost(void **)
{
    Setup setup;

    setup.has_replicas = true;
    setup.failovers = 1;
    setup.losses = 1;
    explore_all("failover, WAIT, lost", setup);
}

void redis_fails_over_with_replicas_die(void **)
{
    Setup setup;

    setup.has_replicas = true;
    setup.failovers = 1;
    setup.deaths = 1;
    explore_all("failover, WAIT, death", setup);
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(nothing_goes_wrong),
        cmocka_unit_test(a_worker_dies),
        cmocka_unit_test(two_workers_die),
        cmocka_unit_test(a_connection_is_lost),
        cmocka_unit_test(two_connections_are_lost),
        cmocka_unit_test(a_connection_is_lost_and_a_worker_dies),
        cmocka_unit_test(a_host_dies),
        cmocka_unit_test(redis_fails_over),
        cmocka_unit_test(redis_fails_over_with_replicas),
        cmocka_unit_test(redis_fails_over_with_replicas_lost),
        cmocka_unit_test(redis_fails_over_with_replicas_die),
    };

    // Before there is an arena.
    (void) reserve_script();
    (void) give_back_script();
    (void) settle_script();
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
