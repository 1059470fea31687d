#!/usr/bin/env node
process.stderr.write('shadowctl: no commands yet\n');
