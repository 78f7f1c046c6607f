# One libFuzzer executable for each t/fuzz/fuzz_*.cpp. The core is compiled
# with the same sanitizers and coverage (see L402_FUZZ in CMakeLists.txt).
file(GLOB fuzz_sources CONFIGURE_DEPENDS t/fuzz/fuzz_*.cpp)

foreach(source ${fuzz_sources})
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source})
    target_compile_definitions(${name} PRIVATE
        L402_VECTORS="${CMAKE_CURRENT_SOURCE_DIR}/t/vectors")
    target_link_libraries(${name} PRIVATE l402_core)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
endforeach()
