-- For wrk: a transmission a request, each with a recipient and a subject of its own. At the end what every thread saw is
-- added up: answers by status, and the messages that the answers say were taken.
local threads = {}

function setup(thread)
   threads[#threads + 1] = thread
   thread:set("number", #threads)
end

function init()
   asked, answered, refused, taken = 0, 0, 0, 0
end

function request()
   asked = asked + 1
   local name = string.format("w%d-%d", number, asked)
   local body = string.format(
      '{"return_path":"ann@sender.example","recipients":[{"address":"%s@example.com"}],' ..
      '"content":{"from":"ann@sender.example","subject":"{{who}}","text":"Hello {{who}}"},' ..
      '"substitution_data":{"who":"%s"}}', name, name)
   return wrk.format("POST", "/api/v1/transmissions", { ["Content-Type"] = "application/json" }, body)
end

function response(status, headers, body)
   answered = answered + 1
   if status ~= 200 then refused = refused + 1 end
   taken = taken + tonumber(body:match('"total_accepted_recipients": ?(%d+)') or 0)
end

function done(summary, latency, requests)
   local told = { asked = 0, answered = 0, refused = 0, taken = 0 }
   for _, thread in ipairs(threads) do
      for name in pairs(told) do told[name] = told[name] + thread:get(name) end
   end
   local errors = summary.errors
   print(string.format('{"asked":%d,"answered":%d,"refused":%d,"taken":%d,"errors":%d}', told.asked, told.answered,
      told.refused, told.taken, errors.connect + errors.read + errors.write + errors.timeout + errors.status))
end
