# Stable got unready under a rolling release that waited to be agreed to: users were given to an instance that an earlier way back had left.
{"seed":9467,"deeds":[],"controllers":3,"fault_seconds":80.0,"rps":0.0,"lease_seconds":5.0}
{"do":"deploy","at":0.5,"shape":{"label":"v1","strategy":"rolling","weights":[5.0,25.0,50.0],"hold":0.0,"judged":false,"wait":2.0,"check":true,"bake":2.0,"delay":null,"dynamic":true,"unavailable":1,"floor":1.0,"judge":"threshold","deadline":10.0,"on_fail":"pause","on_insufficient":"fail","nature":{"ready_seconds":[0.3,1.5],"never_ready":0.0,"crashes":0.0,"crash_seconds":[0.1,20.0],"drain_seconds":[0.0,1.5],"ignores_stop":0.0},"quality":{"error_ratio":1.0,"latency_ratio":1.0,"extra_errors":0.0}}}
{"do":"outage","at":5.937,"part":"log","seconds":8.905}
{"do":"ask","at":6.513,"verb":"abort"}
{"do":"kill","at":8.839,"point":"instances seen","controller":0,"down":15.0}
{"do":"slow","at":9.772,"ack_seconds":4.0}
{"do":"ask","at":12.577,"verb":"approve ana"}
{"do":"ask","at":14.253,"verb":"approve cem"}
{"do":"ask","at":21.602,"verb":"freeze 5"}
{"do":"ask","at":23.27,"verb":"pause"}
{"do":"ask","at":23.938,"verb":"approve cem"}
{"do":"ask","at":24.042,"verb":"pause"}
{"do":"ask","at":31.546,"verb":"approve ben"}
{"do":"ask","at":32.221,"verb":"down","controller":1}
{"do":"ask","at":35.521,"verb":"approve ana"}
{"do":"deploy","at":37.794,"shape":{"label":"v3","strategy":"blue-green","replicas":6,"weights":[10.0,50.0],"hold":3.0,"judged":false,"wait":0.0,"bake":0.0,"delay":0.0,"surge":2,"floor":1.0,"deadline":20.0,"on_deadline":"pause","on_insufficient":"hold","nature":{"ready_seconds":[2.0,8.0],"never_ready":0.0,"crashes":0.0,"crash_seconds":[0.1,20.0],"drain_seconds":[0.0,1.5],"ignores_stop":0.0},"quality":{"error_ratio":1.0,"latency_ratio":1.0,"extra_errors":0.0},"windows":true}}
{"do":"ask","at":38.402,"verb":"freeze 5"}
{"do":"deploy","at":39.513,"shape":{"label":"v8","weights":[1.0,99.0],"hold":3.0,"judged":false,"wait":0.0,"check":true,"bake":2.0,"delay":null,"dynamic":true,"unavailable":1,"floor":1.0,"judge":"threshold","deadline":10.0,"on_insufficient":"fail","nature":{"ready_seconds":[0.3,1.5],"never_ready":0.0,"crashes":0.0,"crash_seconds":[0.1,20.0],"drain_seconds":[0.0,1.5],"ignores_stop":0.0},"quality":{"error_ratio":1.0,"latency_ratio":1.0,"extra_errors":0.0},"approve":1}}
{"do":"ask","at":39.905,"verb":"approve ana"}
{"do":"deploy","at":41.686,"shape":{"label":"v3","strategy":"rolling","replicas":1,"weights":[10.0,50.0],"hold":3.0,"pause":1,"wait":2.0,"check":true,"bake":0.0,"delay":4.0,"floor":1.0,"judge":"threshold","deadline":10.0,"on_deadline":"report","on_insufficient":"pass","on_error":"rollback","nature":{"ready_seconds":[0.3,1.5],"never_ready":0.0,"crashes":0.0,"crash_seconds":[0.1,20.0],"drain_seconds":[0.0,1.5],"ignores_stop":0.0},"quality":{"error_ratio":5.0,"latency_ratio":1.0,"extra_errors":0.0},"approve":2,"windows":true}}
{"do":"ask","at":49.807,"verb":"approve ana"}
{"do":"freeze","at":52.189,"seconds":10.535}
{"do":"freeze","at":53.489,"seconds":4.053,"point":"instances seen","controller":1}
{"do":"spoil","at":55.254,"point":"append","fate":"lost"}
{"do":"ask","at":56.734,"verb":"approve ben"}
{"do":"crash","at":58.373,"side":"candidate"}
{"do":"ask","at":58.492,"verb":"deny ana"}
{"do":"ask","at":59.591,"verb":"resume"}
{"do":"ask","at":63.201,"verb":"approve ben"}
{"do":"waver","at":65.617,"side":"stable","seconds":7.803,"count":6}
{"do":"slow","at":72.588,"ack_seconds":0.0}
